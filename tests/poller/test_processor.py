"""Updates into ticks."""

import logging
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from market.codec import decode_tick, encode_tick
from market.instruments import Scales
from market.tick import MAX_EXACT, Tick
from poller.numbering import Numbering
from poller.processor import DropReason, Processor
from poller.sources import Update

START_MS = 1_700_000_000_000
NOW_US = START_MS * 1_000
SECOND_US = 1_000_000


def processor() -> Processor:
    """One that knows two symbols: BTCUSDT at scales 2 and 5, SHIBUSDT at 8 and 0."""
    scales = {"BTCUSDT": Scales(price=2, size=5), "SHIBUSDT": Scales(price=8, size=0)}
    numbering = Numbering(scales)
    numbering.lead({}, START_MS)
    return Processor(scales, numbering.take)


def quote(update_id: int | None = 1, **fields: Any) -> Update:
    """A sound quote of BTCUSDT; ``fields`` replace what it says."""
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
    """A sound summary of BTCUSDT; ``fields`` replace what it says."""
    sound: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "recv_us": NOW_US,
        "event_us": NOW_US,
        "last": "65000.01",
        "volume": "1000.5",
    }
    return Update(**(sound | fields))


def transcript(subject: Processor, *updates: Update) -> list[DropReason | Tick]:
    """What becomes of each update: its tick, or the reason that was counted."""
    outcomes: list[DropReason | Tick] = []
    for update in updates:
        before = dict(subject.drops)
        tick = subject.process(update)
        counted = [reason for reason, count in subject.drops.items() if count != before[reason]]
        assert (tick is None) == (len(counted) == 1)
        outcomes.append(tick or counted[0])
    return outcomes


def reasons(subject: Processor, *updates: Update) -> list[str]:
    """The same with "tick" for each tick."""
    return ["tick" if isinstance(its, Tick) else its for its in transcript(subject, *updates)]


def test_quote() -> None:
    """A quote becomes a tick of scaled integers, with nothing in it that the exchange did not give."""
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
    )
    assert expected == processor().process(quote())


def test_summary_alone() -> None:
    """A summary before any quote is a tick without bid and ask."""
    tick = processor().process(summary())
    assert tick is not None
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
    tick = processor().process(summary(last="0.00000000", volume="0.00000000"))
    assert tick is not None
    assert (UNSET, 0) == (tick.last, tick.volume)


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (quote(symbol="ETHUSDT"), "unknown_symbol"),
        (quote(symbol=""), "unknown_symbol"),
        (quote(bid=None), "empty_quote"),
        (quote(ask=None), "empty_quote"),
        (quote(bid_size=None), "empty_quote"),
        (quote(ask_size=None, bid_size=None), "empty_quote"),
        (quote(bid="0.00000000", bid_size="0.00000000"), "empty_quote"),
        (quote(ask="0"), "empty_quote"),
        (quote(bid="65000.03"), "crossed_quote"),
        (quote(bid="65000.011"), "too_fine"),
        (quote(ask_size="0.000001"), "too_fine"),
        (quote(ask="90071992547409.92"), "too_large"),
        (quote(bid_size="90071992547.40992"), "too_large"),
        (quote(bid="x"), "malformed"),
        (quote(bid=""), "malformed"),
        (quote(bid="-1"), "malformed"),
        (quote(ask="1e5"), "malformed"),
        (quote(ask_size="NaN"), "malformed"),
        (quote(event_us=-1), "malformed"),
        (quote(event_us=MAX_EXACT + 1), "malformed"),
        (quote(bid=None, ask=None, bid_size=None, ask_size=None), "malformed"),
        (summary(last="0.001"), "too_fine"),
        (summary(volume="99999999999999"), "too_large"),
        (summary(last="1,5"), "malformed"),
        (quote(last="0.001"), "too_fine"),
        (quote(bid="65000.03", last="1"), "crossed_quote"),
    ],
)
def test_wrong_in_any_part(update: Update, reason: str) -> None:
    """An update that is wrong in any part is dropped whole, with the reason counted, and leaves no trace."""
    subject = processor()
    assert [reason] == reasons(subject, update)
    # Not even its update id: the same one, sound, is news.
    tick = subject.process(quote(1))
    assert tick is not None
    assert (START_MS, 6500001, UNSET, UNSET) == (tick.seq, tick.bid, tick.last, tick.volume)


def test_equal_bid_and_ask() -> None:
    """A locked quote is not a crossed one."""
    assert ["tick"] == reasons(processor(), quote(ask="65000.01"))


def test_numbered_quotes() -> None:
    """Of quotes with update ids, only a higher id is news, equal values or not."""
    updates = [quote(5), quote(5, bid="1"), quote(4, bid="1"), quote(6), quote(7), quote(100), quote(99)]
    expected = ["tick", "repeated", "out_of_order", "tick", "tick", "tick", "out_of_order"]
    assert expected == reasons(processor(), *updates)


def test_an_exchange_that_begins_to_count_anew_is_followed(caplog: pytest.LogCaptureFixture) -> None:
    """Lower ids alone for three seconds are no late quotes; a price that stands still meanwhile would look alive."""
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
    """As long as higher ids come too, it is the lower ones that are behind; a clock set back does not age them."""
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
    """One of them would shut out every quote after it."""
    assert ["malformed", "tick"] == reasons(processor(), quote(update_id), quote(1))


def test_update_ids_are_each_symbol_s_own() -> None:
    """The id of one symbol says nothing of another's."""
    other = quote(1, symbol="SHIBUSDT", bid="0.00002800", ask="0.00002801", bid_size="5", ask_size="7.0")
    assert ["tick", "tick"] == reasons(processor(), quote(9), other)


def test_quotes_without_number() -> None:
    """Of quotes without update ids, only a change is news."""
    updates = [quote(None), quote(None), quote(None, bid="65000.010"), quote(None, bid="64999.99"), quote(None)]
    assert ["tick", "repeated", "repeated", "tick", "tick"] == reasons(processor(), *updates)


def test_answer_that_may_be_older_than_the_stream() -> None:
    """A quote without id counts only once the stream has been quiet for a second: it may be an old answer."""
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
    """After a time of answers, the stream's quotes go on from the last id heard."""
    updates = [
        quote(5),
        quote(None, bid="1", recv_us=NOW_US + 10 * SECOND_US),
        quote(5, recv_us=NOW_US + 11 * SECOND_US),
        quote(6, recv_us=NOW_US + 11 * SECOND_US),
    ]
    assert ["tick", "tick", "repeated", "tick"] == reasons(processor(), *updates)


def test_summaries_in_order() -> None:
    """Of summaries, an older one is out of order, and one that says the same is repeated."""
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
    """A quote is judged by its id alone, whatever the summaries' times."""
    assert ["tick", "tick"] == reasons(processor(), summary(event_us=NOW_US), quote(1, event_us=NOW_US - 5))


def test_one_part_new() -> None:
    """Of an update with both parts, what is new is taken and what is old is left."""
    subject = processor()
    subject.process(quote(5, last="3", event_us=NOW_US))
    both = transcript(subject, quote(4, bid="1", last="4", event_us=NOW_US), quote(6, last="5", event_us=NOW_US - 1))
    assert all(isinstance(tick, Tick) for tick in both)
    assert [(6500001, 400), (6500001, 400)] == [(tick.bid, tick.last) for tick in both if isinstance(tick, Tick)]
    assert ["out_of_order"] == reasons(subject, quote(5, last="4", event_us=NOW_US - 1))
    assert ["repeated"] == reasons(subject, quote(6, last="4", event_us=NOW_US))


@pytest.mark.parametrize(("back_s", "outcome"), [(60, "out_of_order"), (61, "tick"), (3600, "tick")])
def test_exchange_clock_set_back(back_s: int, outcome: str) -> None:
    """A summary that is minutes older was told by a clock that was set back, and counts; so do those after it."""
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
    ticks = [subject.process(its) for its in (quote(1), quote(1), shib, quote(2), quote(3, bid="0"), quote(4))]
    seqs = [(tick.symbol, tick.seq - START_MS) for tick in ticks if tick]
    assert [("BTCUSDT", 0), ("SHIBUSDT", 0), ("BTCUSDT", 1), ("BTCUSDT", 2)] == seqs


def test_drops_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The first wrong update of each kind and symbol is logged; repetitions, and what is normal, are not."""
    subject = processor()
    for update_id in range(100):
        for update in (quote(update_id, bid="0"), quote(update_id, ask="x"), quote(update_id), quote(update_id)):
            subject.process(update)
    assert ["empty_quote", "malformed"] == [
        record.getMessage().split(",")[0].removeprefix("dropped as ") for record in caplog.records
    ]
    assert (100, 100) == (subject.drops["empty_quote"], subject.drops["malformed"])


def test_a_stranger_s_symbols_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """However many unknown symbols come, however long, the log of them ends, and all are counted."""
    subject = processor()
    caplog.set_level(logging.INFO)
    for number in range(3_000):
        subject.process(quote(symbol=f"X{number}" + "Y" * 10_000))
    assert 3_000 == subject.drops["unknown_symbol"]
    assert len(caplog.records) <= 1_000
    assert all(len(record.getMessage()) < 600 for record in caplog.records)


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


@settings(max_examples=50)
@given(st.lists(updates | sound, max_size=40))
def test_whatever_comes(stream: list[Update]) -> None:
    """Whatever comes, each symbol's seq grows by one, and each number is exactly its string's or not there."""
    subject = processor()
    last_seq = {"BTCUSDT": START_MS - 1, "SHIBUSDT": START_MS - 1}
    last_id: dict[str, int] = {}
    ticks = 0
    for update in stream:
        tick = subject.process(update)
        if tick is None:
            continue
        ticks += 1
        assert last_seq[update.symbol] + 1 == tick.seq
        last_seq[update.symbol] = tick.seq
        assert tick == decode_tick(encode_tick(tick))
        assert tick.recv_us == update.recv_us
        if tick.bid is not UNSET:
            assert isinstance(tick.ask, int)
            assert 0 < tick.bid <= tick.ask
        if update.bid is not None and update.update_id is not None and update.last is update.volume is None:
            assert last_id.get(update.symbol, -1) < update.update_id
            last_id[update.symbol] = update.update_id
            its = [(update.bid, tick.bid, tick.price_scale), (update.ask, tick.ask, tick.price_scale)]
            its += [
                (update.bid_size, tick.bid_size, tick.size_scale),
                (update.ask_size, tick.ask_size, tick.size_scale),
            ]
            for text, value, scale in its:
                assert isinstance(value, int)
                assert Decimal(text or "") == Decimal(value).scaleb(-scale)
        elif update.bid is not None and update.update_id is not None:
            last_id[update.symbol] = max(last_id.get(update.symbol, -1), update.update_id)
    assert len(stream) == ticks + sum(subject.drops.values())
