"""Silent symbols, and symbols with unusable quotes, on a virtual clock."""

import asyncio
from collections.abc import Callable
from typing import Any

from poller.coverage.heartbeats import Heartbeats
from poller.coverage.staleness import SILENT, UNSEEDED, UNUSABLE
from poller.source import Update
from tests.fakes import run_virtual


class Stage:
    """A watch over A and B, whose connection has just been made."""

    def __init__(self) -> None:
        self.doubted: set[str] = set()
        self.watch = Heartbeats(5.0, unusable_s=3.0, grace_s=2.0, doubt=self.doubted.add)
        self.watch.watch(["A", "B"])

    def quote(self, symbol: str, *, usable: bool = True) -> None:
        self.watch.received(Update(symbol=symbol, recv_us=0, bid="1"), "news" if usable else "unusable")


def staged(scene: Callable[[Stage], Any]) -> None:
    """Run ``scene`` with a new stage on a virtual clock that has run for a while."""

    async def main() -> None:
        await asyncio.sleep(100)
        await scene(Stage())

    run_virtual(main())


def test_a_heartbeat_is_enough_for_a_quiet_symbol() -> None:
    """A symbol whose price does not move is reliable while its heartbeats come."""

    async def scene(stage: Stage) -> None:
        stage.quote("A")
        stage.quote("B")
        for _ in range(60):
            await asyncio.sleep(1)
            stage.watch.alive("A")
        assert {"B": SILENT} == stage.watch.verdicts()
        assert {"B"} == stage.doubted
        stage.watch.alive("B")
        assert {} == stage.watch.verdicts()

    staged(scene)


def test_one_price_of_many_is_a_price() -> None:
    """Heartbeats are none."""

    async def scene(stage: Stage) -> None:
        stage.watch.alive("A")
        assert stage.watch.unpriced(["A", "B"])
        stage.quote("A")
        assert not stage.watch.unpriced(["A", "B"])
        assert stage.watch.unpriced(["B"])
        assert not stage.watch.unpriced([])

    staged(scene)


def test_without_a_quote_since_it_was_connected_nothing_is_known() -> None:
    """A live connection without a symbol's price yet counts as reliable only for the grace."""

    async def scene(stage: Stage) -> None:
        await asyncio.sleep(1.9)
        assert {} == stage.watch.verdicts()
        await asyncio.sleep(0.2)
        stage.watch.alive("A")
        assert {"A": UNSEEDED, "B": UNSEEDED} == stage.watch.verdicts()
        stage.watch.received(Update(symbol="A", recv_us=0, last="1"), "news")
        assert "A" in stage.watch.verdicts()
        stage.quote("A")
        assert {"B": UNSEEDED} == stage.watch.verdicts()

    staged(scene)


def test_the_grace_begins_with_the_loss() -> None:
    """After a longer outage a symbol is not live before its price is there."""

    async def scene(stage: Stage) -> None:
        stage.quote("A")
        stage.quote("B")
        stage.watch.lost(["A", "B"])
        await asyncio.sleep(10)
        stage.watch.watch(["A", "B"])
        assert {"A": UNSEEDED, "B": UNSEEDED} == stage.watch.verdicts()
        stage.quote("A")
        assert {"B": UNSEEDED} == stage.watch.verdicts()
        stage.watch.watch(["A", "B"], quoted={"B"})
        assert {} == stage.watch.verdicts()

    staged(scene)


def test_a_new_connection_alone_makes_nothing_live() -> None:
    """An unreliable symbol stays so until the new connection has sent its price."""

    async def scene(stage: Stage) -> None:
        stage.quote("A")
        stage.quote("B")
        await asyncio.sleep(6)
        assert {"A": SILENT, "B": SILENT} == stage.watch.verdicts()
        stage.watch.watch(["A", "B"], quoted={"B"})
        stage.watch.alive("A")
        assert {"A": UNSEEDED} == stage.watch.verdicts()
        stage.quote("A")
        assert {} == stage.watch.verdicts()

    staged(scene)


def test_quotes_that_cannot_be_used_are_no_sign_of_life() -> None:
    """Crossed or unreadable quotes make it unreliable; the next good quote ends that, and so does a new connection."""

    async def scene(stage: Stage) -> None:
        ends: list[Callable[[], None]] = [lambda: stage.quote("A"), lambda: stage.watch.watch(["A"], quoted={"A"})]
        for end in ends:
            stage.quote("A")
            stage.quote("B")
            stage.quote("A", usable=False)
            stage.watch.unreadable("B")
            await asyncio.sleep(3)
            assert {"A": UNUSABLE, "B": UNUSABLE} == stage.watch.verdicts()
            end()
            assert {"B": UNUSABLE} == stage.watch.verdicts()
            stage.quote("B")
            assert {} == stage.watch.verdicts()

    staged(scene)


def test_nothing_is_expected_of_what_is_forgotten() -> None:
    """Forgotten and never watched symbols have no verdict, nor do messages of an unknown symbol."""

    async def scene(stage: Stage) -> None:
        stage.watch.forget(["A", "B"])
        stage.watch.alive("A")
        stage.watch.unreadable("B")
        stage.watch.unreadable(None)
        stage.watch.stand_in()(Update(symbol="A", recv_us=0, bid="1"))
        await stage.watch.run()
        await asyncio.sleep(100)
        assert {} == stage.watch.verdicts()

    staged(scene)
