"""Clients with several sets of options, in both encodings, straight and through HAProxy at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from market.bus.redis.bus import RedisBus
from market.wire.status import Heartbeat
from tests.fakes import tick
from tests.forms_client import FormsClient, forms_client
from tests.integration.stacks import ws_url
from tests.integration.test_states import gateway_of
from tests.market.bus.using import publish
from tests.valkey import Valkey

pytestmark = pytest.mark.integration

MANY = tuple(f"S{number}USDT" for number in range(40))
"""A batch of so many is worth compressing."""
SINGLE = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT")
SYMBOLS = SINGLE + MANY


class Market:
    """Publishes a tick of every symbol again and again."""

    def __init__(self, bus: RedisBus) -> None:
        self._bus = bus
        self.seq = 0
        self._published = asyncio.Event()

    async def round(self) -> None:
        self.seq += 1
        heartbeat = Heartbeat(source="simulated", link="up", since_us=1, sent_us=1)
        await publish(self._bus, [tick(symbol, self.seq) for symbol in SYMBOLS], heartbeat)

    async def run(self) -> None:
        while True:
            await self.round()
            self._published.set()
            await asyncio.sleep(0.02)

    async def until(self, seq: int) -> None:
        """Wait for the ticks of this number."""
        while self.seq < seq:
            self._published.clear()
            await self._published.wait()


@asynccontextmanager
async def market_of(valkey: Valkey) -> AsyncIterator[Market]:
    """A market whose ticks come until the end."""
    bus = RedisBus(valkey.url)
    market = Market(bus)
    running = asyncio.create_task(market.run())
    try:
        yield market
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await bus.aclose()


async def clients_of(url: str, stack: AsyncExitStack, buffer_bytes: int = 0) -> list[FormsClient]:
    """Connect in both encodings, and both ways where there are two."""
    ways = {str(url), getattr(url, "straight", url)}
    return [
        await stack.enter_async_context(forms_client(way, packed=packed, buffer_bytes=buffer_bytes))
        for way in sorted(ways)
        for packed in (False, True)
    ]


async def test_each_set_of_options_is_for_its_own_symbols(valkey: Valkey) -> None:
    """Rate, form, conflation and compression hold for the symbols that were named with them, until named again.

    A fifth set is refused and harms nothing; one that is let go of, or that nothing is left of, makes room.
    """
    async with (
        gateway_of(valkey.url, *SYMBOLS) as stack,
        market_of(valkey) as market,
        AsyncExitStack() as leaving,
    ):
        clients = await clients_of(ws_url(stack), leaving)
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(_change_sets(client, market))


async def _change_sets(client: FormsClient, market: Market) -> None:
    await client.subscribe("BTC")
    await client.subscribe("ETH", max_hz=2)
    await client.subscribe(*MANY, batch=True)
    await client.subscribe("SOL", conflate=False)
    mark = await _some_rounds(client, market)
    _each_by_its_own(client, mark)
    refused = await client.subscribe("XRP", max_hz=1)
    assert ("error", "too_many_options") == (refused["type"], refused["code"])
    mark = await _some_rounds(client, market)
    _each_by_its_own(client, mark)
    assert [] == client.seqs("XRPUSDT")
    # One of the sets that it has is no fifth one.
    assert "subscribed" == (await client.subscribe("ADA", batch=True))["type"]
    # The same symbol again replaces its options, and nothing is left of the set it was in.
    assert "subscribed" == (await client.subscribe("ETH"))["type"]
    assert "subscribed" == (await client.subscribe("XRP", max_hz=1))["type"]
    mark = await _some_rounds(client, market)
    assert len(client.seqs("ETHUSDT", mark)) > 2 * len(client.seqs("XRPUSDT", mark))
    assert ({"tick"}, {"ticks"}) == (client.forms("ETHUSDT", mark), client.forms("ADAUSDT", mark))
    assert "subscribed" == (await client.subscribe("XRP", max_hz=5, batch=True))["type"]
    assert "unsubscribed" == (await client.ask(type="unsubscribe", symbols=["XRP"]))["type"]
    mark = await _some_rounds(client, market)
    assert [] == client.seqs("XRPUSDT", mark)
    assert "subscribed" == (await client.subscribe("XRP", max_hz=2, batch=True))["type"]
    held = (await client.ask(type="list"))["symbols"]
    assert sorted(SYMBOLS) == sorted(held)
    mark = await _some_rounds(client, market)
    assert ({"tick"}, {"ticks"}) == (client.forms("BTCUSDT", mark), client.forms("XRPUSDT", mark))
    every = client.seqs("SOLUSDT")
    assert every == list(range(every[0], every[-1] + 1))
    assert 1 == len(client.told("error"))


def _each_by_its_own(client: FormsClient, mark: int) -> None:
    """What came after ``mark`` came as it was asked for: a price a tick, few, batches, every one."""
    every = client.seqs("SOLUSDT", mark)
    assert every == list(range(every[0], every[-1] + 1))
    assert 3 * len(client.seqs("ETHUSDT", mark)) < min(len(client.seqs("BTCUSDT", mark)), len(every))
    for symbol, kind, compressed in (
        ("BTCUSDT", "tick", False),
        ("ETHUSDT", "tick", False),
        ("SOLUSDT", "tick", False),
        *((symbol, "ticks", True) for symbol in MANY),
    ):
        assert {kind} == client.forms(symbol, mark)
        assert {compressed} == client.compressed(symbol, mark)


async def _some_rounds(client: FormsClient, market: Market) -> int:
    """Let a second's worth of ticks come; returns the newest from before, which is behind all answers."""
    mark = market.seq + 1
    await client.until_newest(mark + 50, ("BTCUSDT", "SOLUSDT"))
    return mark


async def test_a_slow_client_catches_up_in_all_its_sets(valkey: Valkey) -> None:
    """After a stall it has the newest of each in its form, every one where it asked for that, and a count of the rest.

    A tick came, or was replaced, or was left out because the gateway was busy; none is counted twice.
    """
    async with (
        gateway_of(valkey.url, *SYMBOLS, TRUSTED_PROXIES="127.0.0.1", LAG_TIMEOUT_S="60") as stack,
        market_of(valkey) as market,
        AsyncExitStack() as leaving,
    ):
        clients = await clients_of(ws_url(stack), leaving, buffer_bytes=4096)
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(_stall(client, market))


async def _stall(client: FormsClient, market: Market) -> None:
    await client.subscribe("BTC", *MANY[:20])
    await client.subscribe(*MANY[20:], batch=True)
    await client.subscribe("SOL", conflate=False)
    await client.subscribe("ETH", max_hz=2)
    await client.until_newest(1, ("BTCUSDT", "ETHUSDT", *MANY))
    mark = market.seq
    client.reads.clear()
    # Sockets hold a few hundred kilobytes on the way, a round is 8 KB.
    await market.until(mark + 250)
    client.reads.set()
    await client.until(lambda client: bool(client.told("lag")))
    conflating = ("BTCUSDT", "ETHUSDT", *MANY)
    await client.until_newest(market.seq + 1, conflating)
    counted = sum(one["conflated"] for one in client.told("lag"))
    missing = 0
    for symbol in conflating:
        seqs = client.seqs(symbol)
        assert sorted(set(seqs)) == seqs
        missing += seqs[-1] - seqs[0] + 1 - len(seqs)
    assert 0 < counted <= missing
    every = client.seqs("SOLUSDT")
    assert every == list(range(every[0], every[-1] + 1))
    # Nothing of a form has been mixed up by the way through the backlog.
    assert {"tick"} == client.forms("BTCUSDT", mark) == client.forms("SOLUSDT", mark)
    assert {"ticks"} == client.forms(MANY[-1], mark)
