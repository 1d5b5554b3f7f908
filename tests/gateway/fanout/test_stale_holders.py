"""Clients that know no word for stale prices."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.fanout.stale_holders import LOOK_S, STALE_S, StaleHolders
from gateway.protocol.channels import STATS, topic_of
from gateway.protocol.forms import FramedStatus
from gateway.protocol.messages import Status, SymbolStatus
from tests.fakes import run_virtual


class Holder:
    """Notes when it is closed."""

    def __init__(self, *held: str) -> None:
        self.held = held
        self.closed_at: list[float] = []
        self.closed_for: list[str] = []

    def close_as_stale(self, symbol: str) -> None:
        self.closed_at.append(asyncio.get_running_loop().time())
        self.closed_for.append(symbol)


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
        assert (["ETHUSDT"] if ends else []) == holder.closed_for
        assert (True, not ends) == (world.holders.is_current("BTCUSDT"), world.holders.is_current("ETHUSDT"))
        both = ["BTCUSDT", topic_of(STATS, "ETHUSDT")]
        assert (both[:1], both[1:]) if ends else (both, []) == world.holders.parted(both)

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


def test_who_comes_back_has_as_long_again() -> None:
    """So clients that connect at once do not do so all the time."""

    async def scene() -> None:
        world, first, again = World(), Holder("BTCUSDT"), Holder("BTCUSDT")
        world.venue("stale")
        world.holders.add(first)
        await asyncio.sleep(60)
        assert first.closed_at
        world.holders.add(again)
        since = asyncio.get_running_loop().time()
        await asyncio.sleep(STALE_S + 3 * LOOK_S)
        assert STALE_S <= again.closed_at[0] - since <= STALE_S + 3 * LOOK_S

    virtually(scene())


def test_who_holds_all_symbols_is_closed_only_with_their_venue() -> None:
    """One of hundreds that stands still would close it for ever."""

    async def scene() -> None:
        world, holder = World(), Holder("")
        world.holders.add(holder)
        world.symbol("BTCUSDT", "stale")
        await asyncio.sleep(60)
        assert holder.closed_at == []
        world.venue("stale")
        await asyncio.sleep(STALE_S + 3 * LOOK_S)
        assert [""] == holder.closed_for

    virtually(scene())


def test_without_clients_nobody_looks() -> None:
    """It begins again with the next one."""

    async def scene() -> None:
        world, holder = World(), Holder("BTCUSDT")
        world.holders.add(holder)
        world.holders.remove(holder)
        await asyncio.sleep(2 * LOOK_S)
        loop = asyncio.get_running_loop()
        assert not [one for one in loop._scheduled if not one.cancelled()]  # type: ignore[attr-defined]
        world.venue("stale")
        world.holders.add(holder)
        await asyncio.sleep(STALE_S + 3 * LOOK_S)
        assert holder.closed_at

    virtually(scene())


def test_many_are_closed_bit_by_bit() -> None:
    """Each is work; prices go out between. None is closed twice."""

    async def scene() -> None:
        world = World()
        holders = [Holder("BTCUSDT") for _ in range(500)]
        for holder in holders:
            world.holders.add(holder)
        world.venue("stale")
        counts = set()
        while (closed := sum(len(holder.closed_at) for holder in holders)) < 500:
            counts.add(closed)
            await asyncio.sleep(0 if closed else LOOK_S / 2)
        await asyncio.sleep(5 * LOOK_S)
        assert {0, 200, 400} >= counts
        assert all(len(holder.closed_at) == 1 for holder in holders)

    virtually(scene())
