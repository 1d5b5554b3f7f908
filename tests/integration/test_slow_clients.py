"""Clients that read slowly, or stop for a while or for ever, straight and through HAProxy: what they read is new."""

import asyncio
import bisect
import ssl
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bench.clients.hand import Hand
from bench.clients.readers import Reader, ReadRate
from bench.feed.ticks import SYMBOLS
from deploy.ports import Address, free_port
from tests.integration.faults import tell
from tests.integration.front_kinds import OTHERS, beside, is_here
from tests.integration.fronts import both_ways
from tests.integration.haproxy_stats import connections_of
from tests.integration.stacks import cluster_plan, eventually, running
from tests.integration.test_edge import Certificate
from tests.integration.test_states import ScriptedPoller, gateway_of, polling
from tests.valkey import Valkey

pytestmark = pytest.mark.integration

LONG = pytest.mark.long("gateway", "market", "poller", "haproxy.cfg")

TICKS_PER_S = 1_000
RUN_S = 14
JUDGED_S = 6
"""The last seconds of it."""
STALL_S = 5

OLDEST_S = 3.0
"""In hand at 20 KB/s, as docs/promises.md has it: the bytes of a hundred prices take one second by themselves."""
OLDER_BYTES = 64 * 1024
"""After a stall, before the first current price."""
OLDER_BYTES_TLS = 256 * 1024
"""The same straight over TLS: what the client's own system buffers comes first, and one flush more (docs/fronts.md)."""


@pytest.mark.alone  # ages of prices, and bytes behind a stall
async def test_a_slow_client_has_current_prices_and_a_stalled_one_no_backlog(tmp_path: Path) -> None:
    """Whatever stands in front and in whichever buffers: bytes that nobody has read are bounded by what was answered.

    Of three clients of each front two read 20 KB/s of 200, one of which answers only the last ping of each read, and
    one stops for seconds. A fast one beside them just goes on.
    """
    certificate = Certificate(tmp_path)
    plan = cluster_plan(SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S=str(TICKS_PER_S))
    async with running(plan) as stack, AsyncExitStack() as exits:
        fronts = {"straight": stack.plan.gateways[0].listens[0], "haproxy": stack.plan.front}
        for name in filter(is_here, OTHERS):
            fronts[name] = await exits.enter_async_context(beside(plan, name))
        tls = {"TICKGATE_CERT": str(certificate.file), "TICKGATE_TLS_BIND": f"127.0.0.1:{free_port()}"}
        secure = await exits.enter_async_context(beside(plan, "direct", **tls))
        async with asyncio.TaskGroup() as group:
            for name, address in fronts.items():
                group.create_task(_slow(name, address, Reader))
                group.create_task(_slow(name, address, Terse))
                group.create_task(_stalled(name, address))
                group.create_task(_fast(name, address))
            for kind in (Reader, Terse):
                group.create_task(_slow("straight, TLS", secure, kind, certificate.client))
            group.create_task(_stalled("straight, TLS", secure, certificate.client))


@pytest.mark.alone  # ages of prices
@LONG  # what goes first: tests/gateway/fanout/slow/test_backlog.py
async def test_each_of_two_thousand_symbols_has_its_turn() -> None:
    """However many they are, none starves: none is late by more than it takes to read them all, and a window."""
    symbols = [f"S{number}USDT" for number in range(2_000)]
    plan = both_ways(SYMBOLS=",".join(symbols), SIM_TICKS_PER_S="4000", TRUSTED_PROXIES="127.0.0.1")
    async with running(plan) as stack:
        gateway = stack.plan.gateways[0].listens[0]
        fronts = {"straight": gateway, "haproxy": stack.plan.front} if stack.plan.haproxy else {"straight": gateway}
        fast = Reader(ReadRate("fast"), (gateway.host, gateway.port), symbols=symbols)
        rate = ReadRate("slow", bytes_per_s=200_000)
        slow = {name: Reader(rate, (front.host, front.port), symbols=symbols) for name, front in fronts.items()}
        try:
            late = await _lateness(fast, slow, symbols)
            for name, reader in slow.items():
                assert ("", len(symbols)) == (reader.end, len(reader.hand.held))
                all_s = len(symbols) * reader.hand.bytes / reader.hand.ticks / rate.bytes_per_s
                tell(f"a client reads 2,000 symbols at 200 KB/s, {name}", latest=late[name], all_of_them_take=all_s)
                assert late[name] < all_s + OLDEST_S
        finally:
            for reader in (fast, *slow.values()):
                reader.close()


async def _lateness(fast: Reader, slow: dict[str, Reader], symbols: list[str]) -> dict[str, float]:
    """For how long, at most, any of ``slow`` has not had a price that was newer than what it had, in seconds.

    When each price came to be is told by ``fast``.
    """
    told: dict[str, list[int]] = {symbol: [] for symbol in symbols}
    late = dict.fromkeys(slow, 0.0)
    begin = time.monotonic()
    for turn in range(500):
        for reader in (fast, *slow.values()):
            reader.turn(time.monotonic())
        for symbol, recv_us in fast.hand.held.items():
            if not told[symbol] or told[symbol][-1] < recv_us:
                told[symbol].append(recv_us)
        if turn % 10 == 0 and time.monotonic() - begin > 6:
            now_us = time.time_ns() // 1000
            for name, reader in slow.items():
                for symbol, times in told.items():
                    newer = bisect.bisect_right(times, reader.hand.held.get(symbol, 0))
                    if newer < len(times):
                        late[name] = max(late[name], (now_us - times[newer]) / 1e6)
        await asyncio.sleep(0.02)
    return late


@pytest.mark.alone  # bytes behind a stall
@LONG  # how little of a burst is sent: tests/gateway/fanout/cohorts/test_bursts.py
async def test_a_burst_of_states_is_no_backlog(valkey: Valkey) -> None:
    """Two thousand symbols are halted and live again while a client does not read: it reads little of what is over.

    Straight, what its own system buffers comes first; that is small here. A fast client beside has all states at once.
    """
    symbols = [f"S{number}USDT" for number in range(2_000)]
    poller = ScriptedPoller(*symbols)
    async with polling(poller, valkey.url), gateway_of(valkey.url, *symbols, TRUSTED_PROXIES="127.0.0.1") as stack:
        gateway = stack.plan.gateways[0].listens[0]
        fronts = [("straight", gateway, 4096)]
        if stack.plan.haproxy is not None:
            fronts.append(("haproxy", stack.plan.front, 0))
        stalled = {name: Keeping(ReadRate(name), (at.host, at.port), size, symbols) for name, at, size in fronts}
        fast = Keeping(ReadRate("fast"), (gateway.host, gateway.port), 0, symbols)
        try:
            await _turn(3, fast, *stalled.values())
            poller.ticking = set(symbols[:1])
            await _turn(1.5, fast, *stalled.values())
            read = {name: len(reader.read) for name, reader in stalled.items()}
            poller.change("halted", *symbols, reason="BREAK")
            await _turn(2.5, fast)
            assert len(symbols) == fast.read.count(b'"state":"halted"')
            poller.change("live", *symbols, reason="TRADING")
            await _turn(2, fast)
            await _turn(4, fast, *stalled.values())
            for name, reader in stalled.items():
                news = reader.read[read[name] :]
                older = news.find(b'"state":"live"')
                tell(f"2,000 symbols are halted and live again, {name}", older_states=f"{older // 1024} KB")
                assert ("", True) == (reader.end, 0 <= older <= OLDER_BYTES)
                assert len(symbols) <= news.count(b'"state":"live"') <= 2 * len(symbols)
        finally:
            for reader in (fast, *stalled.values()):
                reader.close()


class Keeping(Reader):
    """One that keeps what it has read."""

    read = b""

    def _take(self, data: bytes) -> None:
        self.read += data
        super()._take(data)


async def _turn(seconds: float, *readers: Reader) -> None:
    until = time.monotonic() + seconds
    while (now := time.monotonic()) < until:
        for reader in readers:
            reader.turn(now)
        await asyncio.sleep(0.01)


async def test_haproxy_keeps_nobody_whom_a_gateway_has_cut_off() -> None:
    """Who does not read is gone from it soon after, with what was kept for it; who reads slowly stays."""
    plan = both_ways(
        SYMBOLS=",".join(SYMBOLS), SIM_TICKS_PER_S=str(TICKS_PER_S), LAG_TIMEOUT_S="2", TICKGATE_UNREAD_TIMEOUT="3s"
    )
    assert plan.haproxy is not None
    async with running(plan) as stack:
        address = (stack.plan.front.host, stack.plan.front.port)
        slow = Reader(ReadRate("slow", bytes_per_s=20_000), address)
        stuck = [Reader(ReadRate("stuck", stall_s=1000), address) for _ in range(3)]

        async def only_one() -> bool:
            for reader in (slow, *stuck):
                reader.turn(time.monotonic())
            return await connections_of(stack, "gateway-1") == 1

        assert not await only_one()
        began = time.monotonic()
        await eventually(only_one, within_s=20)
        tell("clients that read nothing, in HAProxy", gone_after=time.monotonic() - began)
        await _read(slow, 4)
        assert ("", 1) == (slow.end, await connections_of(stack, "gateway-1"))
        for reader in (slow, *stuck):
            reader.close()


class Terse(Reader):
    """One that answers only the last of several pings, and says a pong of its own now and then (RFC 6455, 5.5.3)."""

    _last: bytes | None = None

    def turn(self, now: float) -> None:
        super().turn(now)
        if self._last is not None and not self.end:
            super()._answer(b"")
            super()._answer(self._last)
            self._last = None

    def _answer(self, payload: bytes) -> None:
        self._last = payload


async def _slow(front: str, address: Address, kind: type[Reader], tls: ssl.SSLContext | None = None) -> None:
    reader = await asyncio.to_thread(kind, ReadRate("slow", bytes_per_s=20_000), (address.host, address.port), tls=tls)
    await _read(reader, RUN_S - JUDGED_S)
    ages = await _read(reader, JUDGED_S)
    assert ("", len(SYMBOLS)) == (reader.end, len(reader.hand.held))
    tell(f"a client reads 20 KB/s of 200, {front}", oldest_price_in_hand=max(ages))
    assert max(ages) < OLDEST_S
    reader.close()


async def _stalled(front: str, address: Address, tls: ssl.SSLContext | None = None) -> None:
    reader = await asyncio.to_thread(Reader, ReadRate("stalls", stall_s=STALL_S), (address.host, address.port), tls=tls)
    await _read(reader, RUN_S)
    hand: Hand = reader.hand
    tell(f"a client stops reading for {STALL_S} s, {front}", older_prices=f"{hand.bytes_before_current // 1024} KB")
    assert ("", True) == (reader.end, hand.is_current)
    assert hand.bytes_before_current <= (OLDER_BYTES if tls is None else OLDER_BYTES_TLS)
    reader.close()


async def _fast(front: str, address: Address) -> None:
    reader = Reader(ReadRate("fast"), (address.host, address.port))
    await _read(reader, RUN_S)
    tell(f"a fast client beside them, {front}", prices=str(reader.hand.ticks))
    assert ("", len(SYMBOLS)) == (reader.end, len(reader.hand.held))
    reader.close()


async def _read(reader: Reader, seconds: float) -> list[float]:
    """Let ``reader`` read at its pace; the age of the oldest price in its hand, again and again, in seconds."""
    until, ages = time.monotonic() + seconds, []
    while (now := time.monotonic()) < until:
        reader.turn(now)
        if reader.hand.held:
            ages.append(time.time() - min(reader.hand.held.values()) / 1e6)
        await asyncio.sleep(0.02)
    return ages
