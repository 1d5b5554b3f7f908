"""Ticks from the bus: which of them pass."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.feed.intake import Intake, ticks_of
from gateway.fanout.feed.refusals import Refusals
from gateway.fanout.feed.seq_regressions import REGRESSION_S
from gateway.fanout.history.ring import open_ring
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON
from market.prices.symbols import parse_symbols
from market.prices.tick import MAX_EXACT, SEQ_AHEAD_MS
from market.wire.codec import MAX_TICK_BYTES, decode_tick, encode_tick
from market.wire.tick_batch import encode_batch
from tests.fakes import decoded, run_virtual, tick

NOW_MS = 1_795_299_376_232


class Setup:
    """An intake, what it published, and a clock that the test sets."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.last: dict[str, FramedTick] = {}
        self.counters = Counters()
        self.published: list[FramedTick] = []
        self.held = {"AAA", "BBB", "CCC"}
        self.ring = open_ring(1_000_000, self.last)
        self.subject = Intake(
            parse_symbols("AAA,BBB,CCC"),
            self.last,
            self.published.append,
            self.held,
            self.ring,
            Refusals(self.counters),
            self.counters,
            now_us=lambda: self.now_ms * 1000,
        )

    def receive(self, symbol: str, *seqs: int) -> None:
        for seq in seqs:
            self.subject.tick_received(symbol, encode_tick(tick(symbol, seq, bid=1, ask=2, recv_us=3)))

    def receive_batch(self, *parts: bytes) -> None:
        """The next batch of a stream."""
        stream = self.subject.continuity.stream("binance", 0, 1)
        self.subject.batch_received(stream, encode_batch("t", stream.next, parts))

    def history(self) -> list[tuple[str, int]]:
        """What the ring has of the symbols that are served, in order."""
        blocks = [self.ring.block(number) for number in range(self.ring.first, self.ring.newest_block.number + 1)]
        ticks = [tick for block in blocks if block for entry in block.entries for tick in ticks_of(entry)]
        return [(tick.symbol, tick.seq) for tick in ticks if tick.symbol in self.last]

    def seqs(self, symbol: str) -> list[int]:
        return [framed.seq for framed in self.published if framed.topic == symbol]

    async def look(self, seconds: float) -> None:
        """As the feed looks, four times a second."""
        for _ in range(round(seconds * 4)):
            await asyncio.sleep(0.25)
            self.subject.accept_regressions(asyncio.get_running_loop().time())


@asynccontextmanager
async def intake() -> AsyncIterator[Setup]:
    """Make an intake inside the event loop."""
    yield Setup()


PLAIN = encode_tick(tick("AAA", 7))
FIELDS = PLAIN[1:-1].split(b",")


@pytest.mark.parametrize(
    "payload",
    [
        PLAIN,
        b" \n{ " + b" ,\t".join(FIELDS) + b" }\r\n" + b" " * 500,
        b"{" + b",".join(reversed(FIELDS)) + b"}",
        b'{"bid":1,"seq":9,"symbol":"BBB",' + PLAIN[1:],
        PLAIN[:-1] + b',"mood":"good","type":"welcome"}',
        PLAIN.replace(b'"AAA"', rb'"\u0041AA"').replace(b'"bid"', rb'"\u0062id"'),
    ],
    ids=["as it should be", "blanks", "another order", "fields given twice", "unknown fields", "escaped"],
)
def test_only_canonical_bytes_go_on(payload: bytes) -> None:
    """For any notation of a tick clients get the same bytes: one `type`, each field once, no blanks."""

    async def main() -> None:
        async with intake() as setup:
            setup.subject.tick_received("AAA", payload)
            [framed] = setup.published
            assert PLAIN == JSON.tick_body(framed)
            assert [json.loads(PLAIN) | {"type": "tick"}] == list(decoded(JSON.tick_frame(framed)))
            setup.last.clear()
            setup.subject.take_stored({"AAA": payload})
            assert PLAIN == JSON.tick_body(setup.published[-1])

    run_virtual(main())


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (PLAIN + b" " * MAX_TICK_BYTES, "not_a_tick"),
        (PLAIN[:-1] + b',"x":"' + b"x" * 3_000_000 + b'"}', "not_a_tick"),
        (PLAIN.replace(b'"seq":7', b'"seq":true'), "not_a_tick"),
        (PLAIN.replace(b'"seq":7', b'"seq":7.0'), "not_a_tick"),
        (PLAIN.replace(b'"seq":7', b'"seq":-7'), "not_a_tick"),
        (PLAIN.replace(b'"seq":7', b'"seq":' + b"7" * 400), "not_a_tick"),
        (PLAIN.replace(b'"price_scale":2', b'"price_scale":16'), "not_a_tick"),
        (encode_tick(tick("BBB", 7)), "wrong_symbol"),
        (PLAIN[:-1] + b',"symbol":"BBB"}', "wrong_symbol"),
        (encode_tick(tick("AAA", MAX_EXACT, bid=1, ask=2, recv_us=3)), "wrong_seq"),
        (encode_tick(tick("AAA", NOW_MS + SEQ_AHEAD_MS + 1, bid=1, ask=2, recv_us=3)), "wrong_seq"),
        (encode_tick(tick("AAA", 7, recv_us=MAX_EXACT)), "wrong_seq"),
        (encode_tick(tick("AAA", 7, recv_us=(NOW_MS + SEQ_AHEAD_MS) * 1000 + 1)), "wrong_seq"),
    ],
    ids=[
        "blanks without end", "3 MB", "bool", "float", "negative", "huge", "scale", "another symbol",
        "two symbols", "2^53 - 1", "a day and a millisecond", "received at the end of time",
        "received in a day",
    ],
)  # fmt: skip
def test_what_is_wrong_goes_nowhere_and_keeps_nothing_right_away(payload: bytes, reason: str) -> None:
    """A wrong tick is counted, from the store or the link; the next tick of its symbol passes."""

    async def main() -> None:
        async with intake() as setup:
            setup.subject.tick_received("AAA", payload)
            setup.subject.take_stored({"AAA": payload})
            assert {reason: 2} == setup.counters.bus_refused
            setup.receive("AAA", 7)
            assert [7] == setup.seqs("AAA")

    run_virtual(main())


damage = st.lists(st.tuples(st.integers(0, len(PLAIN)), st.integers(0, 4), st.binary(max_size=6)), max_size=4)


@given(damage)
def test_whatever_is_written_only_ticks_in_canonical_bytes_come_out(edits: list[tuple[int, int, bytes]]) -> None:
    """For any damage, a tick that passes is exactly the encoding of its decoded fields."""
    payload = PLAIN
    for place, removed, added in edits:
        payload = payload[:place] + added + payload[place + removed :]

    async def main() -> None:
        async with intake() as setup:
            setup.subject.tick_received("AAA", payload)
            for framed in setup.published:
                assert JSON.tick_body(framed) == encode_tick(decode_tick(JSON.tick_body(framed)))
                assert "AAA" == decode_tick(JSON.tick_body(framed)).symbol
            assert 1 == len(setup.published) + setup.counters.bus_refused.total()

    run_virtual(main())


def test_a_seq_may_be_a_day_above_the_time() -> None:
    """The bound follows the clock."""

    async def main() -> None:
        async with intake() as setup:
            setup.receive("AAA", NOW_MS + SEQ_AHEAD_MS, NOW_MS + SEQ_AHEAD_MS + 1)
            setup.now_ms += 1
            setup.receive("AAA", NOW_MS + SEQ_AHEAD_MS + 1, NOW_MS + SEQ_AHEAD_MS + 2)
            assert [NOW_MS + SEQ_AHEAD_MS, NOW_MS + SEQ_AHEAD_MS + 1] == setup.seqs("AAA")
            assert {"wrong_seq": 2} == setup.counters.bus_refused
            setup.now_ms = 0
            setup.subject.highest_seq()
            setup.receive("BBB", SEQ_AHEAD_MS + 1, SEQ_AHEAD_MS)
            assert [SEQ_AHEAD_MS] == setup.seqs("BBB")

    run_virtual(main())


@pytest.mark.parametrize("way", ["batch", "batch with a wrong tick", "channel", "store"])
def test_a_tick_that_nobody_holds_is_kept_and_goes_to_nobody(way: str) -> None:
    """It is the newest one of its symbol, counted, and in the history; who holds another symbol hears that one."""

    async def main() -> None:
        async with intake() as setup:
            setup.held.remove("BBB")
            ticks = {symbol: encode_tick(tick(symbol, 7)) for symbol in ("AAA", "BBB", "CCC")}
            match way:
                case "batch":
                    setup.receive_batch(*ticks.values())
                case "batch with a wrong tick":
                    setup.receive_batch(*ticks.values(), b"{}")
                case "channel":
                    for symbol, payload in ticks.items():
                        setup.subject.tick_received(symbol, payload)
                case _:
                    setup.subject.take_stored(ticks)
            assert ["AAA", "CCC"] == [framed.topic for framed in setup.published]
            assert {"AAA": 7, "BBB": 7, "CCC": 7} == {symbol: framed.seq for symbol, framed in setup.last.items()}
            assert 3 == setup.counters.ticks_received
            assert ([] if way == "store" else [("AAA", 7), ("BBB", 7), ("CCC", 7)]) == setup.history()
            setup.held.add("BBB")
            setup.receive_batch(encode_tick(tick("BBB", 8)))
            assert [8] == setup.seqs("BBB")

    run_virtual(main())


@pytest.mark.parametrize("poisoned", [["AAA"], ["AAA", "BBB", "CCC"]], ids=["one of several", "all"])
@pytest.mark.parametrize("way", ["link", "store"])
def test_no_number_silences_a_symbol(poisoned: list[str], way: str) -> None:
    """A wrong held seq gives way after three seconds, symbol by symbol; other symbols lose nothing."""

    async def main() -> None:
        async with intake() as setup:
            high = NOW_MS + SEQ_AHEAD_MS - 1
            for symbol in poisoned:
                if way == "link":
                    setup.receive(symbol, high)
                else:
                    setup.subject.take_stored({symbol: encode_tick(tick(symbol, high, bid=1, ask=2, recv_us=3))})
            for number in range(40):
                for symbol in ("AAA", "BBB", "CCC"):
                    setup.receive(symbol, NOW_MS + number)
                await setup.look(0.25)
            every = [NOW_MS + number for number in range(40)]
            for symbol in ("AAA", "BBB", "CCC"):
                if symbol in poisoned:
                    kept = round(REGRESSION_S * 4) - 1
                    assert [high, *every[kept:]] == setup.seqs(symbol)
                else:
                    assert every == setup.seqs(symbol)
            assert len(poisoned) == setup.counters.numberings_begun

    run_virtual(main())


def test_a_quiet_symbol_goes_on_without_another_tick() -> None:
    """The single tick of a quiet symbol passes three seconds after it came, without a next one."""

    async def main() -> None:
        async with intake() as setup:
            setup.receive("AAA", 1000, 5)
            await setup.look(REGRESSION_S - 0.25)
            assert [1000] == setup.seqs("AAA")
            await setup.look(0.5)
            assert [1000, 5] == setup.seqs("AAA")
            assert 5 == setup.last["AAA"].seq
            await setup.look(60)
            assert [1000, 5] == setup.seqs("AAA")

    run_virtual(main())


@pytest.mark.parametrize("right", [1000, 1001], ids=["the same again", "a newer one"])
def test_late_ticks_are_only_late_where_what_is_held_is_confirmed(right: int) -> None:
    """After a freeze, old ticks are late only if the held seq is confirmed by a repetition or by a higher one."""

    async def main() -> None:
        async with intake() as setup:
            for _ in range(5):
                setup.receive("AAA", 1000, 5, 6)
                await setup.look(2)
                setup.receive("AAA", right)
                await setup.look(2)
            assert sorted({1000, right}) == setup.seqs("AAA")
            assert 0 == setup.counters.numberings_begun

    run_virtual(main())


@pytest.mark.parametrize("what", ["store", "other link", "not served"])
def test_what_says_nothing_of_the_numbering(what: str) -> None:
    """Older values from the store, a former link or a removed symbol are no evidence."""

    async def main() -> None:
        async with intake() as setup:
            setup.receive("AAA", 1000)
            if what == "store":
                setup.subject.take_stored({"AAA": encode_tick(tick("AAA", 5))})
            else:
                setup.receive("AAA", 5)
            if what == "other link":
                setup.subject.bus_link_down()
            elif what == "not served":
                setup.subject.serve(parse_symbols("BBB"))
            await setup.look(10)
            assert [1000] == setup.seqs("AAA")

    run_virtual(main())


def test_one_line_tells_of_all_that_begin_anew(caplog: pytest.LogCaptureFixture) -> None:
    """One log line covers any number of symbols."""

    async def main() -> None:
        async with intake() as setup:
            for symbol in ("AAA", "BBB", "CCC"):
                setup.receive(symbol, 1000, 5)
            await setup.look(4)

    run_virtual(main())
    expected = "AAA goes on with seq 5 below 1000, as its poller does, and 2 other symbols likewise"
    assert [expected] == [record.getMessage() for record in caplog.records]


PARTS = st.one_of(
    st.builds(
        lambda symbol, seq: encode_tick(tick(symbol, seq)), st.sampled_from(["AAA", "BBB", "XXX"]), st.integers(1, 9)
    ),
    st.sampled_from([b"1", b'{"symbol":"AAA"}', encode_tick(tick("AAA", NOW_MS + SEQ_AHEAD_MS + 1))]),
)


@given(st.lists(st.lists(PARTS, min_size=1, max_size=5), max_size=10), st.booleans())
def test_the_history_has_what_was_published(batches: list[list[bytes]], single: bool) -> None:
    """Whatever a batch has beside good ticks, the history has exactly those that clients got, in the same order."""

    async def main() -> None:
        async with intake() as setup:
            for parts in batches:
                if single:
                    for part in parts:
                        for symbol in ("AAA", "BBB", "XXX"):
                            setup.subject.tick_received(symbol, part)
                else:
                    setup.receive_batch(*parts)
            assert [(framed.topic, framed.seq) for framed in setup.published] == setup.history()

    run_virtual(main())


def test_what_is_not_in_the_history_is_a_cut() -> None:
    """A value from the store, a numbering that begins anew, and a symbol that is served again follow nothing."""

    async def main() -> None:
        async with intake() as setup:
            ring = setup.ring
            setup.receive("AAA", 1000, 1001)
            setup.subject.take_stored({"AAA": encode_tick(tick("AAA", 1005)), "BBB": b"no tick"})
            assert (True, True, 1005) == (ring.newest_block.cuts("AAA"), ring.newest_block.follows("AAA", 1005), 1005)
            assert not ring.newest_block.cuts("BBB")
            setup.receive("AAA", 1006, 7)
            await setup.look(4)
            assert [1000, 1001, 1005, 1006, 7] == setup.seqs("AAA")
            assert (True, True) == (ring.newest_block.cuts("AAA"), ring.newest_block.follows("AAA", 7))
            setup.receive("BBB", 1)
            setup.subject.serve(parse_symbols("AAA"))
            setup.subject.serve(parse_symbols("AAA,BBB"))
            assert (False, True) == (ring.newest_block.cuts("AAA"), ring.newest_block.cuts("BBB"))

    run_virtual(main())
