"""When clients are closed because their prices are stale, on a virtual clock."""

import asyncio
from collections.abc import Callable, Collection

from gateway.binance.staleness import LOOK_S, STALE_S, Staleness
from tests.fakes import run_virtual


class Holder:
    """A client that notes when it is closed, and why."""

    def __init__(self, *symbols: str) -> None:
        self.symbols = frozenset(symbols)
        self.since = asyncio.get_running_loop().time()
        self.closed: list[tuple[float, str]] = []

    @property
    def is_closing(self) -> bool:
        return bool(self.closed)

    def close_as_stale(self, symbol: str) -> None:
        self.closed.append((asyncio.get_running_loop().time(), symbol))


class Scene:
    """Some clients, and which symbols are stale."""

    def __init__(self, *, closes: bool = True) -> None:
        self.clients: dict[Holder, None] = {}
        self.stale: Collection[str] = ()
        self.staleness = Staleness(self.clients, lambda: self.stale, lambda: closes)

    def add(self, *symbols: str) -> Holder:
        """A client comes."""
        holder = Holder(*symbols)
        self.clients[holder] = None
        self.staleness.begin()
        return holder


def virtual(main: Callable[[], object]) -> None:
    """Run a coroutine function on the virtual clock."""
    run_virtual(main())  # type: ignore[arg-type] # what it returns is a coroutine


def test_holders_of_a_stale_symbol_are_closed_after_ten_seconds() -> None:
    """Others are not."""

    async def main() -> None:
        scene = Scene()
        holder, other = scene.add("BTCUSDT", "ETHUSDT"), scene.add("SOLUSDT")
        await asyncio.sleep(30)
        scene.stale = ["ETHUSDT"]
        await asyncio.sleep(STALE_S + 2 * LOOK_S)
        (at, symbol) = holder.closed[0]
        assert 30 + STALE_S <= at <= 30 + STALE_S + 2 * LOOK_S
        assert symbol == "ETHUSDT"
        assert other.closed == []
        scene.staleness.end()

    virtual(main)


def test_what_is_live_again_in_time_closes_nobody() -> None:
    """The ten seconds begin anew."""

    async def main() -> None:
        scene = Scene()
        holder = scene.add("BTCUSDT")
        for _ in range(4):
            scene.stale = ["BTCUSDT"]
            await asyncio.sleep(STALE_S - LOOK_S)
            scene.stale = ()
            await asyncio.sleep(2 * LOOK_S)
        assert holder.closed == []
        scene.staleness.end()

    virtual(main)


def test_a_client_that_comes_back_has_ten_seconds_again() -> None:
    """So clients that connect at once do not do so all the time."""

    async def main() -> None:
        scene = Scene()
        scene.stale = ["BTCUSDT"]
        scene.add("BTCUSDT")
        await asyncio.sleep(60)
        holder = scene.add("BTCUSDT")
        await asyncio.sleep(STALE_S + 2 * LOOK_S)
        assert 60 + STALE_S <= holder.closed[0][0]
        scene.staleness.end()

    virtual(main)


def test_holders_of_all_symbols_are_closed_only_if_all_are_stale() -> None:
    """One of hundreds that stands still would close them for ever."""

    async def main() -> None:
        scene = Scene()
        holder = scene.add("")
        scene.stale = ["BTCUSDT"]
        await asyncio.sleep(30)
        assert holder.closed == []
        scene.stale = ["BTCUSDT", "ETHUSDT", ""]
        await asyncio.sleep(STALE_S + 2 * LOOK_S)
        assert [""] == [symbol for _, symbol in holder.closed[:1]]
        scene.staleness.end()

    virtual(main)


def test_silence_closes_nobody() -> None:
    """Where the operator has chosen it."""

    async def main() -> None:
        scene = Scene(closes=False)
        holder = scene.add("BTCUSDT")
        scene.stale = ["BTCUSDT"]
        await asyncio.sleep(60)
        assert holder.closed == []
        scene.staleness.end()

    virtual(main)


def test_very_many_are_closed_in_several_turns() -> None:
    """Nobody else's prices wait for it, and none is closed twice."""

    async def main() -> None:
        scene = Scene()
        holders = [scene.add("BTCUSDT") for _ in range(500)]
        scene.stale = ["BTCUSDT"]
        counts = set()
        while (closed := sum(len(holder.closed) for holder in holders)) < 500:
            counts.add(closed)
            await asyncio.sleep(0 if closed else LOOK_S / 2)
        await asyncio.sleep(5 * LOOK_S)
        assert {0, 200, 400} >= counts
        assert all(len(holder.closed) == 1 for holder in holders)
        scene.staleness.end()

    virtual(main)


def test_without_clients_nobody_looks() -> None:
    """It begins again with the next one."""

    async def main() -> None:
        scene = Scene()
        scene.add("BTCUSDT")
        scene.staleness.end()
        assert not [one for one in asyncio.get_running_loop()._scheduled if not one.cancelled()]  # type: ignore[attr-defined]

    virtual(main)
