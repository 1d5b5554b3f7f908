"""Single REST requests, on a virtual clock; the test decides when the exchange answers."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from market.prices.instruments import Instrument
from poller.coverage.inquiry import Inquiry
from poller.coverage.staleness import DEAD, MISSING, UNSEEDED, UNUSABLE
from poller.network.counters import Counters
from poller.rest.client import Failure
from poller.rest.timing import RestTiming
from poller.source import Update
from poller.stream.timing import StreamTiming
from tests.fakes import run_virtual
from tests.poller.listening import RecordingListener


class SlowRest:
    """Answers each request after ``delay_s`` with the prices at its begin, or with the given faults."""

    def __init__(self) -> None:
        self.bids: dict[str, str] = {}
        self.delay_s = 0.0
        self.faults: list[Failure] = []
        self.missing: set[str] = set()
        """Symbols that its answers leave out."""
        self.asked: list[tuple[str, ...]] = []
        self.asked_summaries: list[tuple[str, ...]] = []

    async def quotes(self, symbols: tuple[str, ...], take: Callable[[Update], object]) -> Failure | None:
        self.asked.append(symbols)
        rows = [(symbol, {"bid": self.bids.get(symbol, "1")}) for symbol in symbols if symbol not in self.missing]
        return await self._answer(rows, take)

    async def summaries(self, symbols: tuple[str, ...], take: Callable[[Update], object]) -> Failure | None:
        self.asked_summaries.append(symbols)
        return await self._answer([(symbol, {"last": "5"}) for symbol in symbols], take)

    async def _answer(
        self, rows: Sequence[tuple[str, Mapping[str, Any]]], take: Callable[[Update], object]
    ) -> Failure | None:
        await asyncio.sleep(self.delay_s)
        if self.faults:
            return self.faults.pop()
        for symbol, fields in rows:
            take(Update(symbol=symbol, recv_us=0, **fields))
        return None


class SetListing:
    """A listing with the test's content."""

    def __init__(self, *symbols: str) -> None:
        self.instruments = {symbol: Instrument("trading") for symbol in symbols}
        self.doubted: list[str] = []

    def is_traded(self, symbol: str) -> bool:
        return symbol in self.instruments and self.instruments[symbol].status == "trading"

    def doubt(self, symbol: str, *, silent: bool = False) -> None:
        self.doubted.append(symbol)


class Stage:
    """A running inquiry about A and B, with its collaborators."""

    def __init__(self) -> None:
        self.rest = SlowRest()
        self.listing = SetListing("A", "B")
        self.listener = RecordingListener()
        self.counters = Counters()
        parts: Any = (self.rest, self.listing)
        self.inquiry = Inquiry(
            *parts,
            report=self.listener.update,
            timing=StreamTiming(),
            rest_timing=RestTiming(),
            counters=self.counters,
            rng=random.Random(1),
        )
        self._ids = 0

    def stream(self, symbol: str, bid: str) -> None:
        """A stream brings a quote."""
        self._ids += 1
        update = Update(symbol=symbol, recv_us=0, update_id=self._ids, bid=bid)
        self.inquiry.received(update, self.listener.update(update))

    def bids(self, symbol: str) -> list[str | None]:
        return [its.bid for its in self.listener.updates if its.symbol == symbol and its.bid is not None]


def staged(scene: Callable[[Stage], Any], *, run: bool = True) -> None:
    """Run ``scene`` with a new stage, at work if it is to ``run``, on a virtual clock that has run for a while."""

    async def main() -> None:
        await asyncio.sleep(100)
        stage = Stage()
        running = asyncio.create_task(stage.inquiry.run() if run else asyncio.sleep(1e9))
        try:
            await scene(stage)
        finally:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    run_virtual(main())


def test_a_new_connection_s_symbols_are_asked_for_once() -> None:
    """Quotes and summaries take one request each; then there is none until a symbol is quiet."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(4)
        assert ([("A", "B")], [("A", "B")]) == (stage.rest.asked, stage.rest.asked_summaries)
        assert {("A", "1", None), ("B", "1", None), ("A", None, "5"), ("B", None, "5")} == {
            (its.symbol, its.bid, its.last) for its in stage.listener.updates
        }

    staged(scene)


def test_quotes_do_not_wait_for_summaries() -> None:
    """During the request for one connection's summaries, the next one's quotes are requested too."""

    async def scene(stage: Stage) -> None:
        asked = asyncio.Event()

        async def summaries(symbols: tuple[str, ...], take: object) -> None:
            asked.set()
            await asyncio.sleep(1000)

        stage.rest.summaries = summaries  # type: ignore[method-assign] # it never answers
        restarted = asyncio.create_task(stage.inquiry.run())
        stage.inquiry.watch(("A",))
        await asyncio.sleep(2)
        assert asked.is_set()
        stage.inquiry.watch(("B",))
        await asyncio.sleep(2)
        assert ["1"] == stage.bids("B")
        restarted.cancel()

    staged(scene, run=False)


def test_an_answer_older_than_the_stream_does_not_count() -> None:
    """A quote from a stream since the request is newer than the answer, for that symbol alone."""

    async def scene(stage: Stage) -> None:
        stage.rest.delay_s = 1.0
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(0.5)
        stage.stream("A", "7")
        await asyncio.sleep(2)
        assert (["7"], ["1"]) == (stage.bids("A"), stage.bids("B"))

    staged(scene)


def test_a_connection_made_anew_amid_the_question_asks_again() -> None:
    """A change between two connections is not lost, although an answer for the first one comes later."""

    async def scene(stage: Stage) -> None:
        stage.rest.delay_s = 1.0
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(0.5)
        stage.rest.bids["A"] = "7"
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(4)
        assert "7" == stage.bids("A")[-1]
        assert 2 == len(stage.rest.asked)

    staged(scene)


@pytest.mark.parametrize("faults", [1, 5])
def test_asking_goes_on_until_there_is_an_answer(faults: int) -> None:
    """A failed request is repeated with growing pauses, together with new ones."""

    async def scene(stage: Stage) -> None:
        stage.rest.faults = [Failure("HTTP 500")] * faults
        stage.inquiry.watch(("A",))
        await asyncio.sleep(0.001)
        stage.inquiry.watch(("B",))
        await asyncio.sleep(200)
        assert {"1"} == {*stage.bids("A"), *stage.bids("B")}

    staged(scene)


def test_a_new_connection_ends_the_pause_after_a_failure() -> None:
    """However long it has become: where streams are back, REST may be too. Until it has said so, it is being asked."""

    async def scene(stage: Stage) -> None:
        assert not stage.inquiry.is_asking
        stage.rest.faults = [Failure("HTTP 500")] * 100
        stage.inquiry.watch(("A",))
        assert stage.inquiry.is_asking
        await asyncio.sleep(300)
        # What failed is asked for again, but nobody waits for it.
        assert not stage.inquiry.is_asking
        asked = len(stage.rest.asked)
        assert 5 < asked < 100
        stage.rest.delay_s = 0.01
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(0.005)
        assert ({"A", "B"}, True) == ({*stage.rest.asked[asked]}, stage.inquiry.is_asking)
        await asyncio.sleep(0.01)
        assert not stage.inquiry.is_asking
        stage.rest.faults.clear()
        stage.inquiry.watch(("B",))
        await asyncio.sleep(0.02)
        assert {"1"} == {*stage.bids("A"), *stage.bids("B")}
        assert not stage.inquiry.is_asking

    staged(scene)


def test_what_is_added_amid_a_request_is_still_asked_for_afterwards() -> None:
    """The end of an earlier request does not say anything of it."""

    async def scene(stage: Stage) -> None:
        stage.rest.delay_s = 1.0
        stage.inquiry.watch(("A",))
        await asyncio.sleep(0.5)
        stage.inquiry.watch(("B",))
        await asyncio.sleep(1)
        assert ([("A",), ("B",)], True) == (stage.rest.asked, stage.inquiry.is_asking)
        await asyncio.sleep(1)
        assert not stage.inquiry.is_asking

    staged(scene)


@pytest.mark.parametrize("status", ["halted", "delisted", "unknown"])
def test_what_is_not_traded_is_not_asked_for(status: Any) -> None:
    """A symbol that is not traded is not requested or doubted; once it is traded and watched it is requested."""

    async def scene(stage: Stage) -> None:
        stage.listing.instruments["B"] = Instrument(status)
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(30)
        assert {("A",)} == {*stage.rest.asked}
        stage.listing.instruments["B"] = Instrument("trading")
        stage.inquiry.watch(("B",))
        await asyncio.sleep(1)
        assert ["1"] == stage.bids("B")

    staged(scene)


def test_what_was_not_heard_since_a_new_connection_is_not_relied_on() -> None:
    """While REST does not answer, only symbols with a quote from a stream are known."""

    async def scene(stage: Stage) -> None:
        stage.rest.faults = [Failure("HTTP 500")] * 20
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(2.9)
        assert {} == stage.inquiry.verdicts()
        stage.stream("A", "7")
        await asyncio.sleep(0.2)
        assert {"B": UNSEEDED} == stage.inquiry.verdicts()
        stage.rest.faults.clear()
        await asyncio.sleep(40)
        assert {} == stage.inquiry.verdicts()
        stage.rest.faults = [Failure("HTTP 500")] * 20
        stage.inquiry.watch(("A", "B"))
        stage.inquiry.lost(("A",))
        stage.inquiry.forget(("B",))
        await asyncio.sleep(4)
        assert {} == stage.inquiry.verdicts()

    staged(scene)


def test_who_was_silent_before_another_connection_too_stays_so() -> None:
    """A reconnect because of another symbol makes no unknown symbol live."""

    async def scene(stage: Stage) -> None:
        stage.rest.faults = [Failure("HTTP 500")] * 40
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(3.1)
        assert dict.fromkeys("AB", UNSEEDED) == stage.inquiry.verdicts()
        stage.inquiry.watch(("A", "B"))
        assert dict.fromkeys("AB", UNSEEDED) == stage.inquiry.verdicts()
        stage.stream("A", "7")
        assert {"B": UNSEEDED} == stage.inquiry.verdicts()

    staged(scene)


def test_a_new_stream_after_an_interruption_makes_no_old_price_known() -> None:
    """A symbol is known with a price of the new stream or of REST, also of a stand-in before that stream."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(1)
        assert not stage.inquiry.unpriced(("A", "B"))
        stage.inquiry.lost(("A", "B"))
        stage.rest.faults = [Failure("HTTP 500")] * 40
        await asyncio.sleep(10)
        stage.inquiry.lost(("A", "B"), 108.0)
        stage.inquiry.stand_in()(Update(symbol="A", recv_us=0, bid="7"))
        stage.inquiry.watch(("A", "B"))
        assert {"B": UNSEEDED} == stage.inquiry.verdicts()
        assert stage.inquiry.unpriced(("A", "B"))
        assert not stage.inquiry.unpriced(())
        stage.stream("B", "7")
        assert {} == stage.inquiry.verdicts()
        assert not stage.inquiry.unpriced(("A", "B"))
        # What came before all subscriptions were granted counts too; the loss was noted late.
        stage.inquiry.lost(("A", "B"), 107.5)
        stage.inquiry.watch(("A", "B"), {"A"})
        assert {"B": UNSEEDED} == stage.inquiry.verdicts()

    staged(scene)


def test_a_quiet_symbol_that_rest_has_no_price_of_is_not_relied_on() -> None:
    """A silent symbol that REST leaves out for three seconds is looked up, and is back with an answer or a quote."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(1)
        stage.rest.missing = {"A"}
        await asyncio.sleep(12)
        assert {"A": MISSING} == stage.inquiry.verdicts()
        assert "A" in stage.listing.doubted
        stage.stream("A", "7")
        assert {} == stage.inquiry.verdicts()
        await asyncio.sleep(15)
        assert {"A": MISSING} == stage.inquiry.verdicts()
        stage.rest.missing, stage.rest.bids["A"] = set(), "7"
        await asyncio.sleep(6)
        assert {} == stage.inquiry.verdicts()

    staged(scene)


def test_an_answer_asked_for_before_a_new_connection_is_not_all_there_is() -> None:
    """An answer to a request before the connect may be too old: it does not make the symbol reliable."""

    async def scene(stage: Stage) -> None:
        stage.rest.delay_s = 1.0
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(0.5)
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(1)
        stage.rest.faults = [Failure("HTTP 500")] * 20
        await asyncio.sleep(2.1)
        assert dict.fromkeys("AB", UNSEEDED) == stage.inquiry.verdicts()

    staged(scene)


def test_the_first_answer_since_a_new_connection_proves_nothing() -> None:
    """A change without a stream is news in REST's first answer, to any request."""

    async def scene(stage: Stage) -> None:
        stage.stream("A", "5")
        stage.rest.faults = [Failure("HTTP 500")] * 4
        stage.rest.bids["A"] = "7"
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(60)
        assert {"5", "7"} == {*stage.bids("A")}
        assert (0, {}) == (len(stage.rest.faults), stage.inquiry.verdicts())

    async def asked_by_doubt(stage: Stage) -> None:
        stage.stream("A", "5")
        stage.rest.bids["A"] = "7"
        # Summaries and quotes go on failing for whoever begins anew, and not for who doubts.
        stage.inquiry._quote_seeds.add = lambda symbols: None  # type: ignore[method-assign] # it asks nothing
        stage.inquiry.watch(("A", "B"))
        for _ in range(60):
            await asyncio.sleep(1)
            assert DEAD not in stage.inquiry.verdicts().values()
        assert {"5", "7"} == {*stage.bids("A")}

    staged(scene)
    staged(asked_by_doubt)


def test_what_is_removed_amid_the_question_is_left_alone() -> None:
    """A symbol that is removed after its request failed ends no task and is not requested again."""

    async def scene(stage: Stage) -> None:
        stage.rest.delay_s = 1.0
        stage.rest.faults = [Failure("HTTP 500")]
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(0.5)
        stage.inquiry.forget(("B",))
        del stage.listing.instruments["B"]
        await asyncio.sleep(30)
        assert ["1"] == stage.bids("A")[:1]
        assert all("B" not in asked for asked in stage.rest.asked[1:])

    staged(scene)


def test_a_quiet_market_costs_few_questions_and_no_verdict() -> None:
    """In an hour without changes there is about one request a minute, no dead stream, and the listing is read."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(3600)
        assert 55 <= stage.counters.questions <= 70
        assert len(stage.rest.asked_summaries) <= 20
        assert {} == stage.inquiry.verdicts()
        assert {"A", "B"} == {*stage.listing.doubted}

    staged(scene)


def test_a_quiet_symbol_beside_a_busy_one() -> None:
    """Only the quiet one is asked about."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        for second in range(300):
            await asyncio.sleep(1)
            stage.stream("A", str(second))
        assert {("A", "B"), ("B",)} == {*stage.rest.asked}
        assert ("A", "B") not in stage.rest.asked[1:]
        assert {} == stage.inquiry.verdicts()

    staged(scene)


def test_newer_prices_than_the_stream_s_are_reported_at_once_and_make_it_dead() -> None:
    """The answer's price is passed on; two seconds later the stream is unreliable, until it sends again."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(1)
        stage.rest.bids["A"] = "7"
        await asyncio.sleep(5)
        assert (["1", "7"], {}) == (stage.bids("A"), stage.inquiry.verdicts())
        await asyncio.sleep(2)
        assert {"A": DEAD} == stage.inquiry.verdicts()
        stage.stream("A", "8")
        assert {} == stage.inquiry.verdicts()

    staged(scene)


def test_what_stands_in_is_held_against_the_dead_only() -> None:
    """News from the stand-in confirm the verdict on a dead stream, and affect no other."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        stage.rest.bids["A"] = "7"
        await asyncio.sleep(0.1)
        stage.rest.bids["A"] = "8"
        await asyncio.sleep(8)
        assert {"A": DEAD} == stage.inquiry.verdicts()
        stage.inquiry.watch(("A", "B"))
        take = stage.inquiry.stand_in()
        for symbol in "AB":
            take(Update(symbol=symbol, recv_us=0, bid="9"))
        await asyncio.sleep(4)
        assert {"A": DEAD} == stage.inquiry.verdicts()

    staged(scene)


def test_garbage_of_one_symbol() -> None:
    """Three seconds of garbage make a symbol unreliable; garbage of an unknown symbol has all asked about."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        for _ in range(5):
            await asyncio.sleep(1)
            stage.stream("A", "nonsense")
            stage.inquiry.unreadable("B")
        assert {"A": UNUSABLE, "B": UNUSABLE} == stage.inquiry.verdicts()
        await asyncio.sleep(100)
        asked = len(stage.rest.asked)
        stage.inquiry.unreadable(None)
        await asyncio.sleep(6)
        assert len(stage.rest.asked) > asked

    staged(scene)


def test_silence_of_a_lost_connection_proves_nothing() -> None:
    """Without a live stream a symbol is not asked about, and its verdict is void."""

    async def scene(stage: Stage) -> None:
        stage.inquiry.watch(("A", "B"))
        await asyncio.sleep(1)
        stage.rest.bids["A"] = "7"
        await asyncio.sleep(8)
        stage.inquiry.lost(("A", "B"))
        asked = len(stage.rest.asked)
        await asyncio.sleep(100)
        assert (asked, {}) == (len(stage.rest.asked), stage.inquiry.verdicts())

    staged(scene)
