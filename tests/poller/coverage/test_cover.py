"""How each symbol is covered, on a virtual clock, with the test's own shards and answers."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from market.prices.instruments import Instrument
from poller.coverage.cover import Cover, some
from poller.coverage.staleness import DEAD, MISSING, UNSEEDED
from poller.network.counters import Counters
from poller.stream.timing import StreamTiming
from tests.fakes import run_virtual
from tests.poller.listening import RecordingListener


class SetShard:
    """A shard whose connection state the test sets."""

    def __init__(self, *symbols: str) -> None:
        self.symbols = symbols
        self.lost_at: float | None = None
        self.reason = "connection lost"
        self.replaced: list[str] = []

    def replace(self, reason: str) -> None:
        self.replaced.append(reason)


class SetListing:
    """A listing with the test's content."""

    def __init__(self, *symbols: str) -> None:
        self.instruments = {symbol: Instrument("trading") for symbol in symbols}
        self.doubted: list[str] = []

    @property
    def answerable(self) -> tuple[str, ...]:
        return tuple(symbol for symbol, its in self.instruments.items() if its.listed)

    def is_traded(self, symbol: str) -> bool:
        return symbol in self.instruments and self.instruments[symbol].status == "trading"

    def doubt(self, symbol: str) -> None:
        self.doubted.append(symbol)


class CountingPolling:
    """A stand-in that polls nothing; it counts its starts and knows whether it runs."""

    def __init__(self) -> None:
        self.ok = False
        self.runs = 0
        self.running = False

    async def run(self, begin: Callable[[], Any]) -> None:
        self.runs += 1
        self.running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.running = False
            self.ok = False


class Stage:
    """A cover of A and B on one shard and C on another, with its collaborators."""

    def __init__(self) -> None:
        self.shards = [SetShard("A", "B"), SetShard("C")]
        self.listing = SetListing("A", "B", "C")
        self.polling = CountingPolling()
        self.listener = RecordingListener()
        self.verdicts: dict[str, str] = {}
        self.counters = Counters()
        parts: Any = (self.polling, self.listing, self.shards)
        self.cover = Cover(
            *parts,
            verdicts=lambda: self.verdicts,
            listener=lambda: self.listener,
            timing=StreamTiming(grace_s=3.0),
            trust_s=3.0,
            counters=self.counters,
        )


def staged(scene: Callable[[Stage], Any]) -> None:
    """Run ``scene`` with a new stage on a virtual clock that has run for a while."""

    async def main() -> None:
        await asyncio.sleep(100)
        await scene(Stage())

    run_virtual(main())


def test_a_short_loss_uncovers_nobody() -> None:
    """Within the grace nothing is reported and REST is not asked."""

    async def scene(stage: Stage) -> None:
        stage.shards[0].lost_at = 100.0
        await asyncio.sleep(2.9)
        stage.cover.review()
        assert ((), {}) == (stage.cover.symbols(), stage.listener.was_lacking)

    staged(scene)


def test_a_lost_connection_s_symbols_are_taken_over_by_rest() -> None:
    """After the grace its symbols, and no others, are uncovered until REST has answered with their prices."""

    async def scene(stage: Stage) -> None:
        stage.shards[0].lost_at = 100.0
        await asyncio.sleep(3)
        stage.cover.review()
        assert ("A", "B") == stage.cover.symbols()
        assert dict.fromkeys("AB", "its stream is down: connection lost") == stage.listener.lacking
        stage.cover.answered({"A"}, ())
        assert {"B"} == stage.listener.lacking.keys()
        stage.shards[0].lost_at = None
        stage.cover.review()
        assert ((), {}) == (stage.cover.symbols(), stage.listener.lacking)
        assert {"A": "", "B": ""} == stage.listener.notes
        assert 0 == stage.counters.dead_streams

    staged(scene)


def test_a_dead_symbol_is_trusted_to_rest_after_a_while() -> None:
    """It is uncovered until REST has stood in for a while, then covered with a note; its connection is replaced."""

    async def scene(stage: Stage) -> None:
        stage.verdicts["A"] = DEAD
        stage.cover.review()
        assert {"A": DEAD} == stage.listener.lacking
        assert ["A: " + DEAD] == stage.shards[0].replaced
        assert [] == stage.shards[1].replaced
        await asyncio.sleep(2.9)
        stage.cover.answered({"A"}, ())
        assert {"A": DEAD} == stage.listener.lacking
        await asyncio.sleep(0.1)
        stage.cover.answered({"A"}, ())
        assert ({}, {"A": f"by REST: {DEAD}"}) == (stage.listener.lacking, stage.listener.notes)
        del stage.verdicts["A"]
        stage.cover.review()
        assert {"A": ""} == stage.listener.notes
        assert 1 == stage.counters.dead_streams

    staged(scene)


def test_what_is_not_known_since_the_connection_was_made_is_no_reason_for_another() -> None:
    """It is uncovered, and is covered as soon as REST answers; the connection stays."""

    async def scene(stage: Stage) -> None:
        stage.verdicts["A"] = UNSEEDED
        stage.cover.review()
        assert ({"A": UNSEEDED}, []) == (stage.listener.lacking, stage.shards[0].replaced)
        stage.cover.answered({"A"}, ())
        assert ({}, {"A": ""}) == (stage.listener.lacking, stage.listener.notes)
        assert 0 == stage.counters.dead_streams

    staged(scene)


def test_when_rest_fails_too_the_symbols_are_uncovered_again() -> None:
    """If REST stops answering while it stands in, the next review reports the symbol with the reason."""

    async def scene(stage: Stage) -> None:
        stage.shards[0].lost_at = 90.0
        stage.cover.review()
        stage.polling.ok = True
        stage.cover.answered({"A", "B"}, ())
        stage.cover.review()
        assert {} == stage.listener.lacking
        stage.polling.ok = False
        stage.cover.review()
        assert {"A", "B"} == stage.listener.lacking.keys()

    staged(scene)


def test_a_symbol_that_answers_lack_is_uncovered_and_looked_up() -> None:
    """Gone from REST's answers while REST stands in: uncovered, with that as the reason; back, it is covered."""

    async def scene(stage: Stage) -> None:
        stage.shards[0].lost_at = 90.0
        stage.cover.review()
        stage.cover.answered({"A"}, ["B"])
        assert ({"B": MISSING}, ["B"]) == (stage.listener.lacking, stage.listing.doubted)
        stage.cover.answered({"A", "B"}, [])
        assert {} == stage.listener.lacking

    staged(scene)


@pytest.mark.parametrize("gone", [False, True])
def test_a_late_answer_does_not_uncover_what_a_stream_brings(gone: bool) -> None:
    """A missing answer does not matter for a symbol whose stream works again, or that is no longer traded."""

    async def scene(stage: Stage) -> None:
        stage.shards[0].lost_at = 90.0
        stage.cover.review()
        stage.listener.lacking.clear()
        if gone:
            del stage.listing.instruments["B"]
        else:
            stage.shards[0].lost_at = None
            stage.cover.review()
        stage.cover.answered((), ["B"])
        assert ({}, []) == (stage.listener.lacking, stage.listing.doubted)

    staged(scene)


def test_what_is_not_traded_is_not_missed() -> None:
    """A halted symbol on a lost connection, or with a dead stream, is not reported."""

    async def scene(stage: Stage) -> None:
        stage.listing.instruments["A"] = Instrument("halted")
        stage.listing.instruments["C"] = Instrument("delisted")
        stage.shards[0].lost_at = 90.0
        stage.verdicts["C"] = DEAD
        stage.cover.review()
        assert ({"B"}, ("B",)) == (set(stage.listener.lacking), stage.cover.symbols())

    staged(scene)


def test_rest_is_asked_only_while_somebody_lacks_prices() -> None:
    """Polling begins with the first symbol without prices, ends with the last, and begins again the next time."""

    async def scene(stage: Stage) -> None:
        running = asyncio.create_task(stage.cover.run(lambda: lambda _: None))
        for times in (1, 2):
            await asyncio.sleep(1)
            assert not stage.polling.running
            stage.verdicts["A"] = DEAD
            stage.cover.review()
            await asyncio.sleep(1)
            assert (True, times, times) == (stage.polling.running, stage.polling.runs, stage.counters.fallbacks)
            stage.verdicts.clear()
            stage.cover.review()
        await asyncio.sleep(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    staged(scene)


def test_polling_that_is_being_ended_when_it_is_needed_again() -> None:
    """If all recover and fail again within one turn of the loop, polling runs, and a cancellation ends it."""

    async def scene(stage: Stage) -> None:
        running = asyncio.create_task(stage.cover.run(lambda: lambda _: None))
        for _ in range(3):
            stage.verdicts["A"] = DEAD
            stage.cover.review()
            await asyncio.sleep(0)
            stage.verdicts.clear()
            stage.cover.review()
            stage.verdicts["A"] = DEAD
            stage.cover.review()
        await asyncio.sleep(1)
        assert stage.polling.running
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not stage.polling.running

    staged(scene)


def test_names_for_people() -> None:
    """`some` names five symbols, and counts the others."""
    assert "A, B" == some(["A", "B"])
    assert "A, B, C, D, E and 2 more" == some(list("ABCDEFG"))
