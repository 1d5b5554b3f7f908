"""A real gateway on a real Valkey, and a poller that is the test: states of symbols, and links that are of no use."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from deploy.launcher.stack import Stack
from deploy.process.program import Program
from market.bus.redis.bus import RedisBus
from market.wire.status import Changes, Heartbeat, States, SymbolState, SymbolStatus
from tests.client import Client, connected
from tests.fakes import tick
from tests.integration.faults import feeds, is_live, launched, now, tell, until_stale
from tests.integration.fronts import both_ways
from tests.integration.stacks import eventually, ws_url
from tests.market.bus.using import publish
from tests.proxy import Proxy, Way
from tests.valkey import Valkey

pytestmark = pytest.mark.integration

MANY = tuple(f"S{number}USDT" for number in range(200))
HEARTBEAT_S = 0.5


class ScriptedPoller:
    """Ticks and heartbeats each half second, and the states that the test wants; as a poller publishes them."""

    def __init__(self, *symbols: str) -> None:
        self._states = {symbol: _status(symbol, "live") for symbol in symbols}
        self.ticking = set(symbols)
        self.seq = time.time_ns() // 1_000_000
        self._version = self.seq
        self._whole = True
        self._changes: list[SymbolStatus] = []
        self._running: asyncio.Task[None] | None = None

    def change(self, state: SymbolState, *symbols: str, reason: str = "scripted") -> None:
        """The next heartbeat tells it."""
        self._states.update({symbol: _status(symbol, state, reason) for symbol in symbols})
        self._changes += [self._states[symbol] for symbol in symbols]

    def remove(self, symbol: str) -> None:
        """It is served no more."""
        del self._states[symbol]
        self._whole = True

    async def move(self, url: str) -> None:
        """Publish at ``url`` from now on, and nowhere else."""
        await self.stop()
        self._whole = True
        self._running = asyncio.create_task(self._run(url))

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self, url: str) -> None:
        bus = RedisBus(url)
        try:
            while True:
                await self._publish(bus)
                await asyncio.sleep(HEARTBEAT_S)
        finally:
            await bus.aclose()

    async def _publish(self, bus: RedisBus) -> None:
        changes, self._changes = self._changes, []
        since, states = self._version, None
        if changes or self._whole:
            self._version += 1
            live = [one.symbol for one in self._states.values() if one.state == "live"]
            others = [one for one in self._states.values() if one.state != "live"]
            states = States(version=self._version, live=live, others=others)
        if self._whole or len(changes) > 50:
            since, changes = self._version, []
        self._whole = False
        self.seq += 1
        now_us = time.time_ns() // 1000
        heartbeat = Heartbeat(
            source="simulated",
            link="up",
            since_us=now_us,
            sent_us=now_us,
            states=Changes(version=self._version, since=since, symbols=changes),
        )
        ticks = [tick(symbol, self.seq, recv_us=now_us) for symbol in sorted(self.ticking)]
        await publish(bus, ticks, heartbeat, states=states)


class TickSieve(Way):
    """Lets answers and heartbeats pass, and no tick while it is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.shut = False
        self.lost = 0

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while reply := await _reply(reader):
            if self.shut and b"\r\nmessage\r\n" in reply[:20] and b"\r\ntick." in reply[:30]:
                self.lost += 1
            else:
                writer.write(reply)
                await writer.drain()


async def _reply(reader: asyncio.StreamReader) -> bytes:
    """The bytes of one whole reply in the Redis protocol; empty at the end of the stream."""
    head = await reader.readline()
    if head[:1] == b"*":
        return head + b"".join([await _reply(reader) for _ in range(int(head[1:]))])
    if head[:1] == b"$" and (size := int(head[1:])) >= 0:
        return head + await reader.readexactly(size + 2)
    return head


def _status(symbol: str, state: SymbolState, reason: str = "") -> SymbolStatus:
    return SymbolStatus(symbol=symbol, state=state, reason=reason, since_us=time.time_ns() // 1000)


@asynccontextmanager
async def gateway_of(bus_url: str, *symbols: str, **more: str) -> AsyncIterator[Stack]:
    """One gateway with ``symbols``; its stack's poller is a process that does nothing."""
    plan = both_ways(BUS_URL=bus_url, SYMBOLS=",".join(symbols), **more)
    nobody = Program(name="poller", command=(sys.executable, "-c", "import signal; signal.pause()"), env={})
    async with launched(replace(plan, poller=nobody)) as (stack, _):
        yield stack


@asynccontextmanager
async def polling(poller: ScriptedPoller, url: str) -> AsyncIterator[None]:
    """Let the scripted poller send heartbeats on a bus."""
    await poller.move(url)
    try:
        yield
    finally:
        await poller.stop()


def states_of(client: Client) -> dict[str, str]:
    """Return the state that a client knows of each symbol."""
    return {symbol: message["state"] for symbol, message in client.states.items()}


async def metrics_of(stack: Stack) -> dict[str, float]:
    """The gateway's metrics, by name and labels as they are written."""
    url = f"http://{stack.plan.gateways[0].listens[0]}/metrics"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        lines = (await response.text()).splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


async def test_clients_know_the_state_of_each_symbol_they_hold(valkey: Valkey) -> None:
    """Changes one by one, many at once, those of before they came, and what no poller serves; each only its own."""
    poller = ScriptedPoller(*MANY, "OTHERUSDT")
    async with (
        polling(poller, valkey.url),
        gateway_of(valkey.url, *MANY, "GONEUSDT") as stack,
        connected(ws_url(stack)) as everything,
        connected(ws_url(stack)) as few,
    ):
        await everything.subscribe("*")
        await everything.until(lambda client: is_live(client) and "GONEUSDT" in client.states)
        assert {"GONEUSDT": "unknown"} == states_of(everything)
        await few.subscribe("S1USDT", "S2USDT", batch=True, max_hz=1, snapshot=False)
        poller.change("halted", "S1USDT", "OTHERUSDT", reason="BREAK")
        for client in (everything, few):
            await client.until(lambda client: "S1USDT" in client.states)
        assert ("halted", "BREAK") == (few.states["S1USDT"]["state"], few.states["S1USDT"]["reason"])

        # More than fit in a heartbeat: the full set is read.
        poller.change("stale", *MANY[10:110])
        poller.remove("S2USDT")
        await everything.until(lambda client: len(client.states) == 103)
        await few.until(lambda client: "S2USDT" in client.states)
        assert {"S1USDT": "halted", "S2USDT": "unknown"} == states_of(few)
        assert states_of(everything) == (
            {"GONEUSDT": "unknown"} | states_of(few) | dict.fromkeys(MANY[10:110], "stale")
        )

        async with connected(ws_url(stack)) as late:
            await late.subscribe("S0USDT", "S1USDT", "S10USDT")
            await late.until(lambda client: len(client.states) == 2 and len(client.prices) == 3)
            assert {"S1USDT": "halted", "S10USDT": "stale"} == states_of(late)
            snapshots = [price["type"] for symbol in late.prices for price in late.prices[symbol][:1]]
            assert ["snapshot"] * 3 == snapshots
        poller.change("live", *MANY[10:110], reason="")
        await everything.until(lambda client: list(states_of(client).values()).count("live") == 100)
        assert ["live"] == feeds(everything)[-1:]
        metrics = await metrics_of(stack)
        expected = {"live": 198, "stale": 0, "halted": 1, "delisted": 0, "unknown": 2}
        assert expected == {state: metrics[f'tickgate_symbols{{state="{state}"}}'] for state in expected}
        changes = {"live": 100, "stale": 100, "halted": 1, "unknown": 2}
        assert changes == {state: metrics[f'tickgate_state_changes_total{{state="{state}"}}'] for state in changes}


async def test_a_gateway_that_is_brought_heartbeats_and_no_ticks_says_so_until_they_pass(valkey: Valkey) -> None:
    """Prices are stale for that reason within ten seconds, as new as the last link, and live when ticks pass."""
    sieve = TickSieve()
    poller = ScriptedPoller("BTCUSDT", "ETHUSDT")
    async with Proxy(valkey.port) as proxy, polling(poller, valkey.url):
        proxy.to_client = sieve
        async with (
            gateway_of(f"redis://{proxy.address}/0", "BTCUSDT", "ETHUSDT") as stack,
            connected(ws_url(stack)) as client,
        ):
            await client.subscribe("*")
            await client.until(lambda client: is_live(client) and len(client.prices) == 2)
            sieve.shut = True
            stale_s = await until_stale([client], "ticks do not reach this gateway", within_s=12)
            mark = client.newest_seq("BTCUSDT")
            await client.until(lambda client: client.newest_seq("BTCUSDT") > mark)
            await eventually(lambda: _counts(stack, "ticks_missed_total", 3), 20)
            assert not is_live(client)
            assert sieve.lost > 10
            sieve.shut = False
            began = now()
            await client.until(is_live, within_s=30)
            tell("ticks lost on the way", stale_after=stale_s, back_after=now() - began)
            assert ["live", "stale", "live"] == feeds(client)[-3:]
            assert_stayed_with([client], "BTCUSDT", "ETHUSDT")
            # Quiet is not broken.
            metrics = await metrics_of(stack)
            poller.ticking.clear()
            await asyncio.sleep(8)
            assert is_live(client)
            later = await metrics_of(stack)
            for name in ("tickgate_bus_links_total", "tickgate_ticks_missed_total"):
                assert metrics[name] == later[name]


async def test_a_gateway_left_with_the_old_server_finds_the_new_one(valkey: Valkey) -> None:
    """The address moved, and the old server lives on: it answers pings, and nothing is published there any more."""
    moved = Valkey()
    moved.start()
    try:
        poller = ScriptedPoller("BTCUSDT", "ETHUSDT")
        async with (
            Proxy(valkey.port) as proxy,
            polling(poller, valkey.url),
            gateway_of(f"redis://{proxy.address}/0", "BTCUSDT", "ETHUSDT") as stack,
            connected(ws_url(stack)) as client,
        ):
            await client.subscribe("*")
            await client.until(lambda client: is_live(client) and len(client.prices) == 2)
            proxy.lead_to(moved.port)
            poller.ticking.remove("ETHUSDT")
            poller.change("halted", "ETHUSDT")
            await poller.move(moved.url)
            stale_s = await until_stale([client], "the poller is silent")
            began = now()
            await client.until(is_live, within_s=30)
            tell("address moved, old server alive", stale_after=stale_s, back_after=now() - began)
            await client.until(lambda client: states_of(client) == {"ETHUSDT": "halted"})
            assert ["live", "stale", "live"] == feeds(client)[-3:]
            mark = client.newest_seq("BTCUSDT")
            await client.until(lambda client: client.newest_seq("BTCUSDT") > mark + 2)
            metrics = await metrics_of(stack)
            assert 1 == metrics['tickgate_bus_links_faulty_total{reason="silent"}']
    finally:
        moved.stop()


async def _counts(stack: Stack, name: str, least: float) -> bool:
    return (await metrics_of(stack))[f"tickgate_{name}"] >= least


def assert_stayed_with(clients: list[Client], *symbols: str) -> None:
    """Expect that no client has left, and that the prices of these symbols went forward only."""
    assert [client.close_code for client in clients if client.closed] == []
    for client in clients:
        for symbol in symbols:
            assert client.seqs(symbol) == sorted(set(client.seqs(symbol)))
