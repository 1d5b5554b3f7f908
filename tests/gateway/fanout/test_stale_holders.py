"""Clients that know no word for stale prices."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.fanout.stale_holders import LOOK_S, STALE_S, StaleHolders
from gateway.protocol.forms import FramedStatus
from gateway.protocol.messages import Status, SymbolStatus
from tests.fakes import run_virtual


class Holder:
    """Notes when it is closed."""

    def __init__(self, *held: str) -> None:
        self.held = held
        self.closed_at: list[float] = []

    def close_as_stale(self) -> None:
        self.closed_at.append(asyncio.get_running_loop().time())


class World:
    """Venues and symbols as the test says."""

    def __init__(self) -> None:
        self.states: dict[str, FramedStatus] = {}
        self.venue("live")
        self.holders = StaleHolders(self, self.states)

    def venue(self, feed: Any) -> None:
        self.statuses = (Status(feed=feed, reason="", source="", since_us=0),)

    def symbol(self, symbol: str, state: Any) -> None:
        self.states[symbol] = FramedStatus(SymbolStatus(symbol=symbol, state=state, reason="", since_us=0))


def virtually(scene: Coroutine[Any, Any, None]) -> None:
    """Run a scene on a clock of its own."""
    run_virtual(scene)


def test_who_holds_a_stale_price_for_too_long_is_closed() -> None:
    """Since its venue is stale; and not who holds none of its symbols."""

    async def scene() -> None:
        world, holder, other = World(), Holder("BTCUSDT"), Holder("coinbase:BTC-USD")
        world.holders.add(holder)
        world.holders.add(other)
        await asyncio.sleep(60)
        assert holder.closed_at == []
        world.venue("stale")
        since = asyncio.get_running_loop().time()
        await asyncio.sleep(STALE_S + 3 * LOOK_S)
        assert STALE_S <= holder.closed_at[0] - since <= STALE_S + 2 * LOOK_S
        assert other.closed_at == []

    virtually(scene())


@pytest.mark.parametrize(
    ("state", "ends"), [("stale", True), ("unknown", True), ("halted", False), ("delisted", False)]
)
def test_a_single_symbol_may_be_stale(state: str, ends: bool) -> None:
    """What is not traded now stands still, and is current."""

    async def scene() -> None:
        world, holder = World(), Holder("BTCUSDT", "ETHUSDT")
        world.holders.add(holder)
        world.symbol("ETHUSDT", state)
        await asyncio.sleep(STALE_S + 3 * LOOK_S)
        assert ends == bool(holder.closed_at)
        assert (True, not ends) == (world.holders.is_current("BTCUSDT"), world.holders.is_current("ETHUSDT"))

    virtually(scene())


def test_a_short_outage_closes_nobody() -> None:
    """Each one begins anew; and who has gone is not looked at."""

    async def scene() -> None:
        world, holder, gone = World(), Holder("BTCUSDT"), Holder("BTCUSDT")
        world.holders.add(holder)
        world.holders.add(gone)
        for _ in range(3):
            world.venue("stale")
            assert not world.holders.is_current("BTCUSDT")
            await asyncio.sleep(STALE_S - LOOK_S)
            world.venue("live")
            await asyncio.sleep(3 * LOOK_S)
        world.holders.remove(gone)
        world.venue("stale")
        await asyncio.sleep(STALE_S + 3 * LOOK_S)
        assert (True, []) == (bool(holder.closed_at), gone.closed_at)

    virtually(scene())


def test_many_are_closed_bit_by_bit() -> None:
    """Each is work; prices go out between."""

    async def scene() -> None:
        world = World()
        holders = [Holder("BTCUSDT") for _ in range(500)]
        for holder in holders:
            world.holders.add(holder)
        world.venue("stale")
        await asyncio.sleep(STALE_S + 0.5 * LOOK_S)
        world.holders.look()
        await asyncio.sleep(LOOK_S)
        assert all(holder.closed_at for holder in holders)

    virtually(scene())
