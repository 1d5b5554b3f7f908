"""One symbol: the changes by an update, and the resulting tick."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from market.prices.instruments import Instrument, Scales
from market.prices.tick import MAX_EXACT, Tick
from market.wire.codec import decode_tick, encode_tick
from poller.publishing.sequencer import Sequencer
from poller.source import Update
from poller.ticks.book import Outcome
from poller.ticks.processor import Processor
from poller.ticks.readings import DropReason

START_MS = 1_700_000_000_000
NOW_US = START_MS * 1_000
SECOND_US = 1_000_000


def processor() -> Processor:
    """A processor with two symbols: BTCUSDT at scales 2 and 5, SHIBUSDT at 8 and 0."""
    return processor_of(BTCUSDT=Instrument("trading", Scales(2, 5)), SHIBUSDT=Instrument("trading", Scales(8, 0)))


def processor_of(**instruments: Instrument) -> Processor:
    """A processor with these symbols."""
    sequencer = Sequencer(["BTCUSDT", "SHIBUSDT"])
    sequencer.lead({}, START_MS)
    return Processor(instruments, sequencer.take)


def tick_of(outcome: Outcome) -> Tick:
    """The tick of an update."""
    assert outcome.tick is not None, outcome
    return outcome.tick


def fields(tick: Tick, *names: str) -> tuple[object, ...]:
    """Some fields of a tick, in their order."""
    return tuple(getattr(tick, name) for name in names)


def quote(update_id: int | None = 1, **fields: Any) -> Update:
    """A good quote of BTCUSDT; ``fields`` replace some of its fields."""
    sound: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "recv_us": NOW_US,
        "bid": "65000.01000000",
        "bid_size": "1.20000000",
        "ask": "65000.02000000",
        "ask_size": "0.00001000",
    }
    return Update(update_id=update_id, **(sound | fields))


def summary(**fields: Any) -> Update:
    """A good summary of BTCUSDT; ``fields`` replace some of its fields."""
    sound: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "recv_us": NOW_US,
        "event_us": NOW_US,
        "last": "65000.01",
        "volume": "1000.5",
    }
    return Update(**(sound | fields))


def transcript(subject: Processor, *updates: Update) -> list[DropReason | Tick]:
    """The result of each update: its tick, or the counted reason."""
    outcomes: list[DropReason | Tick] = []
    for update in updates:
        before = dict(subject.drops)
        outcome = subject.process(update)
        counted = [reason for reason, count in subject.drops.items() if count != before[reason]]
        assert counted == ([outcome.dropped] if outcome.tick is None else [])
        outcomes.append(outcome.tick or counted[0])
    return outcomes


def reasons(subject: Processor, *updates: Update) -> list[str]:
    """The same with "tick" for each tick."""
    return ["tick" if isinstance(its, Tick) else its for its in transcript(subject, *updates)]


def test_quote() -> None:
    """A quote becomes a tick of scaled integers, with only the fields that the exchange gave."""
    expected = Tick(
        symbol="BTCUSDT",
        seq=START_MS,
        bid=6500001,
        ask=6500002,
        bid_size=120000,
        ask_size=1,
        price_scale=2,
        size_scale=5,
        recv_us=NOW_US,
        update_id=1,
    )
    assert Outcome(expected) == processor().process(quote())


def test_summary_alone() -> None:
    """A summary before any quote is a tick without bid and ask."""
    tick = tick_of(processor().process(summary()))
    assert (6500001, 100050000, NOW_US) == (tick.last, tick.volume, tick.event_us)
    assert (UNSET, UNSET, UNSET, UNSET) == (tick.bid, tick.ask, tick.bid_size, tick.ask_size)


def test_merge() -> None:
    """Each tick carries the newest quote and the newest summary, and the time of its own update only."""
    subject = processor()
    first, second, third = transcript(subject, quote(1), summary(), quote(2, bid="64999"))
    assert isinstance(first, Tick)
    assert isinstance(second, Tick)
    assert isinstance(third, Tick)
    assert (UNSET, UNSET) == (first.last, first.event_us)
    assert (6500001, 6500001, NOW_US) == (second.bid, second.last, second.event_us)
    assert (6499900, 6500001, UNSET) == (third.bid, third.last, third.event_us)


def test_partial_summary() -> None:
    """A summary of the last price alone keeps the volume, and the other way round."""
    subject = processor()
    *_, tick = transcript(subject, summary(), summary(last="1", volume=None), summary(last=None, volume="2"))
    assert isinstance(tick, Tick)
    assert (100, 200000) == (tick.last, tick.volume)


def test_symbol_never_traded() -> None:
    """A last price of zero means that there is none; the volume counts all the same."""
    tick = tick_of(processor().process(summary(last="0.00000000", volume="0.00000000")))
    assert (UNSET, 0) == (tick.last, tick.volume)


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (quote(symbol="ETHUSDT"), "unknown_symbol"),
        (quote(symbol=""), "unknown_symbol"),
        (quote(bid="65000.03"), "crossed_quote"),
        (quote(bid="65000.0200001"), "crossed_quote"),
        (quote(bid="0.0000000000000001", ask="0.0000000000000002"), "too_fine"),
        (quote(bid="9007199254740992", ask="9007199254740993"), "too_large"),
        (quote(bid="x"), "malformed"),
        (quote(bid=" "), "malformed"),
        (quote(bid="-1"), "malformed"),
        (quote(ask="1e5"), "malformed"),
        (quote(ask="Infinity"), "malformed"),
        (quote(event_us=-1), "malformed"),
        (quote(event_us=MAX_EXACT + 1), "malformed"),
        (quote(bid=None, ask=None), "malformed"),
        (quote(bid=None, ask=None, bid_size=None, ask_size=None), "malformed"),
        (quote(None, bid=None, ask=None, bid_size=None, ask_size=None), "malformed"),
        (summary(last="1,5", volume=None), "malformed"),
        (summary(last="1,5", volume="x"), "malformed"),
        (summary(last=None, volume="9007199254740992"), "malformed"),
    ],
)
def test_wrong_as_a_whole(update: Update, reason: str) -> None:
    """An unusable update is dropped and counted by its reason, and changes nothing."""
    subject = processor()
    assert [reason] == reasons(subject, update)
    # Not even its update id: the same one, sound, is news.
    tick = tick_of(subject.process(quote(1)))
    assert (START_MS, 6500001, UNSET, UNSET) == fields(tick, "seq", "bid", "last", "volume")


@pytest.mark.parametrize(
    ("update", "wrong"),
    [
        (quote(bid="65000.03"), "crossed_quote"),
        (quote(ask="x"), "malformed"),
        (quote(ask="9007199254740992"), "too_large"),
        (quote(bid="0.0000000000000001"), "too_fine"),
        (quote(ask_size="NaN"), None),
        (quote(bid=None), None),
        (summary(last="x"), None),
        (quote(bid="65000.03", last="1"), "crossed_quote"),
    ],
)
def test_what_is_wrong_is_reported(update: Update, wrong: str | None) -> None:
    """A partly unusable quote is reported as wrong, with or without a tick; a lost size or summary is not."""
    outcome = processor().process(update)
    assert wrong == outcome.wrong
    assert not outcome.fits


@pytest.mark.parametrize(
    ("update", "lost", "kept"),
    [
        (quote(ask="9007199254740992"), "ask", {"bid": 6500001, "bid_size": 120000}),
        (quote(bid="0.0000000000000001"), "bid", {"ask": 6500002, "ask_size": 1}),
        (quote(ask_size="NaN"), "ask_size", {"bid": 6500001, "ask": 6500002, "bid_size": 120000}),
        (quote(bid_size="90071992547.40992"), "bid_size", {"bid": 6500001, "ask": 6500002, "ask_size": 1}),
        (summary(volume="99999999999999"), "volume", {"last": 6500001}),
        (summary(volume="x"), "volume", {"last": 6500001}),
        (summary(last="1,5"), "last", {"volume": 100050000}),
        (quote(bid="65000.03", last="65000.01"), "bid", {"last": 6500001}),
    ],
)
def test_the_good_part_beside_it_stays(update: Update, lost: str, kept: dict[str, int]) -> None:
    """An unusable field is left out, and the other fields are published."""
    tick = tick_of(processor().process(update))
    assert getattr(tick, lost) is UNSET
    assert kept == {name: getattr(tick, name) for name in kept}
    assert tick == decode_tick(encode_tick(tick))


def test_finer_than_the_rules_for_orders() -> None:
    """Numbers finer than the instrument make a tick with finer scales, and the next coarse ones a coarser one again."""
    subject = processor()
    coarse, fine, sizes, again = transcript(
        subject, quote(1), quote(2, bid="65000.0125"), quote(3, bid_size="0.0000001"), quote(4)
    )
    assert isinstance(coarse, Tick)
    assert isinstance(fine, Tick)
    assert isinstance(sizes, Tick)
    assert isinstance(again, Tick)
    assert (6500001, 6500002, 2, 5) == fields(coarse, "bid", "ask", "price_scale", "size_scale")
    assert (650000125, 650000200, 4, 5) == fields(fine, "bid", "ask", "price_scale", "size_scale")
    assert (1, 100, 2, 7) == fields(sizes, "bid_size", "ask_size", "price_scale", "size_scale")
    assert (6500001, 2, 5) == fields(again, "bid", "price_scale", "size_scale")


def test_the_quote_says_whether_the_instrument_still_fits() -> None:
    """A finer, one-sided or incomplete quote has the instrument read again; a coarser one does not."""
    updates = [quote(2, bid="65000.0125"), quote(3, ask=""), quote(4, bid_size="x"), quote(5, bid="65000"), quote(6)]
    subject = processor()
    assert [False, False, False, True, True] == [subject.process(update).fits for update in updates]


@pytest.mark.parametrize("nothing", [None, "", "0", "0.00000000"])
def test_a_side_without_a_price_is_news(nothing: str | None) -> None:
    """A side that is empty or zero is absent from the next tick, with its size, and comes back with its price."""
    subject = processor()
    updates = [quote(1), quote(2, ask=nothing), quote(3, bid=nothing), quote(4)]
    ticks = [tick_of(subject.process(update)) for update in updates]
    sides = [fields(tick, "bid", "bid_size", "ask", "ask_size") for tick in ticks]
    both = (6500001, 120000, 6500002, 1)
    assert [both, (*both[:2], UNSET, UNSET), (UNSET, UNSET, *both[2:]), both] == sides


def test_an_empty_book_is_news_once() -> None:
    """A quote without prices is a tick without prices; the same again, with or without an id, is a repetition."""
    subject = processor()
    empty: dict[str, Any] = {"bid": "0.00000000", "ask": "0.00000000", "bid_size": "0", "ask_size": "0"}
    later = NOW_US + 10 * SECOND_US
    *_, tick = transcript(subject, quote(1), quote(2, **empty))
    assert isinstance(tick, Tick)
    assert (UNSET,) * 4 == fields(tick, "bid", "ask", "bid_size", "ask_size")
    assert ["repeated", "repeated"] == reasons(subject, quote(2, **empty), quote(None, recv_us=later, **empty))


def test_an_empty_book_is_news_at_the_start() -> None:
    """A quote without prices is a tick even if there never was a price."""
    assert ["tick", "repeated"] == reasons(processor(), *[quote(None, bid="0", ask="")] * 2)


@pytest.mark.parametrize("status", ["halted", "delisted", "unknown"])
def test_a_symbol_that_is_not_traded_has_no_price(status: Any) -> None:
    """A halt is a tick without bid and ask; then summaries count and quotes do not, until trading resumes."""
    subject = processor()
    subject.process(quote(1, last="3", volume="5"))
    tick = subject.listed("BTCUSDT", Instrument(status, Scales(2, 5)), NOW_US + 7)
    assert tick is not None
    assert (UNSET, UNSET, UNSET, 300, NOW_US + 7) == fields(tick, "bid", "ask", "bid_size", "last", "recv_us")
    assert subject.listed("BTCUSDT", Instrument(status, Scales(2, 5)), NOW_US + 8) is None
    assert ["not_trading", "tick"] == reasons(subject, quote(2), summary(last="4"))
    outcome = subject.process(quote(3))
    assert (False, "not_trading") == (outcome.fits, outcome.wrong)
    assert subject.listed("BTCUSDT", Instrument("trading", Scales(3, 5)), NOW_US + 9) is None
    later = quote(None, recv_us=NOW_US + SECOND_US)
    assert (65000010, 3) == fields(tick_of(subject.process(later)), "bid", "price_scale")


def test_a_symbol_listed_as_not_traded_from_the_start_says_so() -> None:
    """A symbol that is not traded at first makes a tick without prices: clients may have an older price."""
    subject = processor_of()
    tick = subject.listed("BTCUSDT", Instrument("halted", Scales(2, 5)), NOW_US)
    assert tick is not None
    assert (UNSET, UNSET, NOW_US) == fields(tick, "bid", "last", "recv_us")
    assert subject.listed("SHIBUSDT", Instrument("trading"), NOW_US) is None


def test_numbers_are_compared_by_value() -> None:
    """The same price in another notation or scale is no news, and a cross is found across scales."""
    subject = processor()
    updates = [
        quote(None),
        quote(None, bid="065000.0100", bid_size="1.2"),
        quote(None, bid="65000.010000001"),
        quote(None, bid="65000.02000000001"),
        summary(last="7.00"),
        summary(last="7", volume="01000.500"),
    ]
    assert ["tick", "repeated", "tick", "crossed_quote", "tick", "repeated"] == reasons(subject, *updates)


def test_equal_bid_and_ask() -> None:
    """A locked quote is not a crossed one."""
    assert ["tick"] == reasons(processor(), quote(ask="65000.01"))


def test_numbered_quotes() -> None:
    """Of quotes with update ids, only a higher id is news, equal values or not."""
    updates = [quote(5), quote(5, bid="1"), quote(4, bid="1"), quote(6), quote(7), quote(100), quote(99)]
    expected = ["tick", "repeated", "out_of_order", "tick", "tick", "tick", "out_of_order"]
    assert expected == reasons(processor(), *updates)


def test_an_exchange_that_begins_to_count_anew_is_followed(caplog: pytest.LogCaptureFixture) -> None:
    """Only lower ids for three seconds are a restarted count, not late quotes."""
    updates = [
        quote(900),
        quote(7, bid="1", recv_us=NOW_US + 60 * SECOND_US),
        quote(8, bid="2", recv_us=NOW_US + 63 * SECOND_US - 1),
        quote(9, bid="3", recv_us=NOW_US + 63 * SECOND_US),
        quote(9, bid="3", recv_us=NOW_US + 63 * SECOND_US),
        quote(10, bid="4", recv_us=NOW_US + 63 * SECOND_US),
        quote(900, bid="5", recv_us=NOW_US + 64 * SECOND_US),
    ]
    assert ["tick", "out_of_order", "out_of_order", "tick", "repeated", "tick", "tick"] == reasons(
        processor(), *updates
    )
    assert ["BTCUSDT is numbered anew: 9 after 900"] == caplog.messages


def test_late_quotes_stay_late() -> None:
    """While higher ids come too, the lower ones are late; a clock that is set back does not age them."""
    subject = processor()
    updates = []
    for second in range(10):
        updates += [
            quote(100 + second, recv_us=NOW_US + second * SECOND_US),
            quote(50, recv_us=NOW_US + second * SECOND_US),
        ]
    assert ["tick", "out_of_order"] * 10 == reasons(subject, *updates)
    assert ["out_of_order"] == reasons(subject, quote(50, recv_us=NOW_US - 3600 * SECOND_US))


@pytest.mark.parametrize("update_id", [MAX_EXACT + 1, 2**70, -1])
def test_an_id_that_is_none_is_not_believed(update_id: int) -> None:
    """An impossible id is refused: it would shut out every later quote."""
    assert ["malformed", "tick"] == reasons(processor(), quote(update_id), quote(1))


def test_update_ids_are_each_symbol_s_own() -> None:
    """Each symbol has its own ids."""
    other = quote(1, symbol="SHIBUSDT", bid="0.00002800", ask="0.00002801", bid_size="5", ask_size="7.0")
    assert ["tick", "tick"] == reasons(processor(), quote(9), other)


def test_quotes_without_number() -> None:
    """Of quotes without update ids, only a change is news."""
    updates = [quote(None), quote(None), quote(None, bid="65000.010"), quote(None, bid="64999.99"), quote(None)]
    assert ["tick", "repeated", "repeated", "tick", "tick"] == reasons(processor(), *updates)


def test_answer_that_may_be_older_than_the_stream() -> None:
    """A quote without an id counts only after a quiet second of the stream: it may be an old answer."""
    updates = [
        quote(5),
        quote(None, recv_us=NOW_US + 1),
        quote(None, bid="1", recv_us=NOW_US + SECOND_US - 1),
        quote(None, bid="1", recv_us=NOW_US + SECOND_US),
        quote(None, bid="2", recv_us=NOW_US + SECOND_US + 1),
    ]
    assert ["tick", "repeated", "out_of_order", "tick", "tick"] == reasons(processor(), *updates)


def test_clock_set_back() -> None:
    """A wall clock that was set back does not shut out quotes without ids."""
    assert ["tick", "tick"] == reasons(processor(), quote(5), quote(None, bid="1", recv_us=NOW_US - 3600 * SECOND_US))


def test_stream_returns_after_answers() -> None:
    """After a time of answers, the stream's quotes continue from its last id."""
    updates = [
        quote(5),
        quote(None, bid="1", recv_us=NOW_US + 10 * SECOND_US),
        quote(5, recv_us=NOW_US + 11 * SECOND_US),
        quote(6, recv_us=NOW_US + 11 * SECOND_US),
    ]
    assert ["tick", "tick", "repeated", "tick"] == reasons(processor(), *updates)


def test_summaries_in_order() -> None:
    """An older summary is out of order, and an equal one is repeated."""
    updates = [
        summary(event_us=NOW_US),
        summary(event_us=NOW_US - 1, last="1"),
        summary(event_us=NOW_US + 1),
        summary(event_us=NOW_US, last="1"),
        summary(event_us=NOW_US + 1, last="1"),
        summary(event_us=None, last="2"),
        summary(event_us=None, last="2"),
    ]
    expected = ["tick", "out_of_order", "repeated", "out_of_order", "tick", "tick", "repeated"]
    assert expected == reasons(processor(), *updates)


def test_summary_does_not_order_quotes() -> None:
    """A quote is judged by its id alone, not by the summaries' times."""
    assert ["tick", "tick"] == reasons(processor(), summary(event_us=NOW_US), quote(1, event_us=NOW_US - 5))


def test_one_part_new() -> None:
    """Of an update with both parts only the new part is taken."""
    subject = processor()
    subject.process(quote(5, last="3", event_us=NOW_US))
    both = transcript(subject, quote(4, bid="1", last="4", event_us=NOW_US), quote(6, last="5", event_us=NOW_US - 1))
    assert all(isinstance(tick, Tick) for tick in both)
    assert [(6500001, 400), (6500001, 400)] == [(tick.bid, tick.last) for tick in both if isinstance(tick, Tick)]
    assert ["out_of_order"] == reasons(subject, quote(5, last="4", event_us=NOW_US - 1))
    assert ["repeated"] == reasons(subject, quote(6, last="4", event_us=NOW_US))


@pytest.mark.parametrize(("back_s", "outcome"), [(60, "out_of_order"), (61, "tick"), (3600, "tick")])
def test_exchange_clock_set_back(back_s: int, outcome: str) -> None:
    """A summary that is minutes older comes from a clock that was set back: it counts, and so do later ones."""
    subject, later = processor(), NOW_US - back_s * SECOND_US + 1
    stream = [
        summary(last="1"),
        summary(event_us=NOW_US - back_s * SECOND_US, last="2"),
        summary(event_us=later, last="3"),
        summary(event_us=later - 1, last="4"),
    ]
    assert outcome == reasons(subject, *stream)[1]
    if outcome == "tick":
        assert ["tick", "out_of_order"] == reasons(subject, summary(event_us=later + 1, last="5"), stream[3])


def test_seq() -> None:
    """Each symbol counts its own ticks by one from the start time; a drop takes no number."""
    subject = processor()
    shib = quote(1, symbol="SHIBUSDT", bid="0.1", ask="0.2", bid_size="5", ask_size="7")
    stream = (quote(1), quote(1), shib, quote(2), quote(3, bid="x"), quote(4))
    ticks = [subject.process(its).tick for its in stream]
    seqs = [(tick.symbol, tick.seq - START_MS) for tick in ticks if tick]
    assert [("BTCUSDT", 0), ("SHIBUSDT", 0), ("BTCUSDT", 1), ("BTCUSDT", 2)] == seqs


numbers = st.from_regex(r"[0-9]{1,17}(\.[0-9]{1,9})?", fullmatch=True) | st.sampled_from(["", "-1", "1e3", "0.000"])
sides = st.none() | numbers
updates = st.builds(
    Update,
    symbol=st.sampled_from(["BTCUSDT", "SHIBUSDT", "OTHER"]),
    recv_us=st.integers(NOW_US, NOW_US + 10 * SECOND_US),
    update_id=st.none() | st.integers(0, 20),
    event_us=st.none() | st.integers(NOW_US, NOW_US + 20),
    bid=sides,
    bid_size=sides,
    ask=sides,
    ask_size=sides,
    last=sides,
    volume=sides,
)
# Whole quotes more often than chance would have it.
sound = st.builds(
    lambda update, bid, spread, size: Update(
        symbol=update.symbol,
        recv_us=update.recv_us,
        update_id=update.update_id,
        event_us=update.event_us,
        bid=f"{bid}.5",
        bid_size=f"{size}",
        ask=f"{bid + spread}.50",
        ask_size=f"{size}.0",
        last=update.last,
    ),
    updates,
    st.integers(0, 10**12),
    st.integers(-1, 5),
    st.integers(0, 10**9),
)


@settings(max_examples=100)
@given(st.lists(updates | sound, max_size=40))
def test_whatever_comes(stream: list[Update]) -> None:
    """For any updates each symbol's seq grows by one, and each number is exactly its string's or absent."""
    subject = processor()
    last_seq = {"BTCUSDT": START_MS - 1, "SHIBUSDT": START_MS - 1}
    last_id: dict[str, int] = {}
    lower_us: dict[str, int] = {}
    """The time of the first quote with a lower id than the last."""
    ticks = 0
    for update in stream:
        before = last_id.get(update.symbol, -1)
        if update.update_id is not None and update.update_id < before:
            lower_us[update.symbol] = min(update.recv_us, lower_us.get(update.symbol, update.recv_us))
        outcome = subject.process(update)
        tick = outcome.tick
        assert (tick is None) == (outcome.dropped is not None)
        if tick is None:
            continue
        ticks += 1
        assert last_seq[update.symbol] + 1 == tick.seq
        last_seq[update.symbol] = tick.seq
        assert tick == decode_tick(encode_tick(tick))
        assert tick.recv_us == update.recv_us
        if tick.bid is not UNSET and tick.ask is not UNSET:
            assert 0 < tick.bid <= tick.ask
        has_quote = update.bid is not None or update.ask is not None
        if not has_quote or update.update_id is None or update.last is not None or update.volume is not None:
            continue
        # A numbered quote alone, of which a tick came: it is what the tick says.
        # Lower ids for three seconds are no late quotes: the exchange counts anew.
        assert before < update.update_id or update.recv_us - lower_us[update.symbol] >= 3 * SECOND_US
        last_id[update.symbol] = update.update_id
        lower_us.pop(update.symbol, None)
        price, size = tick.price_scale, tick.size_scale
        for text, value, scale, side in (
            (update.bid, tick.bid, price, True),
            (update.ask, tick.ask, price, True),
            (update.bid_size, tick.bid_size, size, tick.bid is not UNSET),
            (update.ask_size, tick.ask_size, size, tick.ask is not UNSET),
        ):
            if value is not UNSET:
                assert Decimal(text or "") == Decimal(value).scaleb(-scale)
            elif text and side and Decimal(text):
                assert outcome.left_out, "a number that has a value is not lost without a word"
    assert len(stream) == ticks + sum(subject.drops.values())


def test_a_tick_has_the_number_of_its_quote() -> None:
    """Every tick with that quote has it, and none with a quote that the exchange did not number, or without a quote."""
    subject = processor()
    updates = [
        quote(7),
        summary(event_us=NOW_US),
        quote(9, bid="64999"),
        quote(None, bid="64998", recv_us=NOW_US + 2_000_000),
        summary(event_us=NOW_US + 1, last="7"),
        quote(12, bid="64997"),
        quote(13, bid="64996", counted=False),
    ]
    ticks = [tick_of(subject.process(update)) for update in updates]
    assert [7, 7, 9, UNSET, UNSET, 12, UNSET] == [its.update_id for its in ticks]
    subject.process(quote(14, bid="64995"))
    halted = subject.listed("BTCUSDT", Instrument("halted", Scales(2, 5)), NOW_US)
    assert halted is not None
    assert halted.update_id is UNSET
    subject.listed("BTCUSDT", Instrument("trading", Scales(2, 5)), NOW_US)
    assert tick_of(subject.process(summary(last="8", event_us=NOW_US + 2))).update_id is UNSET
