"""Streams of events through each front: nothing on the way keeps them, and their end is noticed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.events.stream import EventStream
from gateway.fanout.cohorts.member import Member
from gateway.websocket.sockets import OnTheWay
from market.prices.symbols import parse_symbols
from tests.events import listening
from tests.gateway.conftest import RunningGateway, start_gateway
from tests.integration.balancers import Balancer, balancer
from tests.integration.front_kinds import OTHERS, require
from tests.integration.live_gateways import LiveGateway
from tests.waiting import until

pytestmark = pytest.mark.integration

WARM_S = 2
MOST_TICKS = 1_000_000
WARM_BYTES = 3_000_000
MOST_STRAIGHT_BYTES = 96 * 1024
"""Of a client without a front, from where its kernel takes less on."""
ROUNDED_BYTES = 8 * 1024
"""By so much a kernel may take less although all was read."""
MOST_IN_HAND_BYTES = 2 * 1024 * 1024
"""Of all buffers together: docs/http.md has the figures."""

FRONTS = (pytest.param("haproxy", marks=pytest.mark.haproxy), *OTHERS)


@asynccontextmanager
async def behind(front: str, **settings: object) -> AsyncIterator[tuple[Balancer, RunningGateway]]:
    """One gateway behind this front."""
    require(front)
    gateway = LiveGateway(symbols=parse_symbols("BTCUSDT,ETHUSDT"), **settings)
    none = {f"TICKGATE_GATEWAY_{number}": "" for number in range(2, 5)}
    async with balancer([gateway], front=front, **none) as its:
        yield its, gateway.running


@asynccontextmanager
async def straight() -> AsyncIterator[tuple[RunningGateway, RunningGateway]]:
    """One gateway with nothing before it."""
    running = await start_gateway(lag_timeout_s=60)
    try:
        yield running, running
    finally:
        await running.close()


@pytest.mark.parametrize("front", FRONTS)
async def test_each_event_comes_at_once(front: str) -> None:
    """While the answer goes on; one that comes back resumes; and the gateway hears when a client goes."""
    async with behind(front, heartbeat_s=2) as (its, running):
        url = f"{its.url}/v1/stream?symbols=BTC,ETH&conflate=false"
        async with listening(url) as events:
            await events.until(lambda events: events.of("subscribed"))
            for seq in (1, 2, 3):
                await running.publish("BTCUSDT", seq)
                await events.until(lambda events, seq=seq: events.newest("BTCUSDT") == seq)  # type: ignore[misc]
            await events.until(lambda events: events.last_event_id == "BTCUSDT:3")
        await until(lambda: len(running.gateway.hub) == 0)
        for seq in (4, 5):
            await running.publish("BTCUSDT", seq)
        async with listening(url, Last_Event_ID="BTCUSDT:3") as events:
            await events.until(lambda events: events.seqs("BTCUSDT") == [4, 5])


@pytest.mark.long("gateway", "haproxy.cfg", "deploy/nginx.conf", "deploy/envoy.yaml", "deploy/fronts")
@pytest.mark.parametrize("front", FRONTS)
async def test_a_quiet_stream_stays(front: str) -> None:
    """With the default heartbeat, longer than a front keeps what is silent; and prices come as before."""
    async with behind(front) as (its, running), listening(f"{its.url}/v1/stream?symbols=BTC") as events:
        await events.until(lambda events: len(events.of("heartbeat")) >= 7, within_s=120)
        await running.publish("BTCUSDT", 1)
        await events.until(lambda events: events.newest("BTCUSDT") == 1)
        assert not events.ended.is_set()


async def test_who_stops_reading_has_little_in_hand() -> None:
    """Straight, the kernel says how much is unread, however much it would take; who reads on gets the newest price.

    A kernel may have more room than it says. What goes there shows nowhere.
    """
    async with straight() as (_, running):
        loop, hub = asyncio.get_running_loop(), running.gateway.hub
        with socket.create_connection(("127.0.0.1", running.port)) as reader:
            reader.setblocking(False)
            await loop.sock_sendall(reader, b"GET /v1/stream?symbols=BTC HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: len(hub) == 1)
            seq = read = 0
            # A kernel learns that its program reads fast, and takes more and more.
            while read < WARM_BYTES:
                seq = await _publish(running, seq, 20)
                read += len(await loop.sock_recv(reader, 1024 * 1024))
            for _ in range(2):
                (stream,) = hub.connections
                began, most, hidden = _way(stream).acked, 0, 0
                while not len(hub.slow):
                    seq = await _publish(running, seq, 20)
                    await until(lambda: all(_way(one).unacked == 0 for one in hub.connections))
                    assert seq < MOST_TICKS
                    most = max(most, _way(stream).window)
                    if _way(stream).window > most - ROUNDED_BYTES:
                        hidden = _way(stream).acked - began
                seq = await _publish(running, seq, 2_000)
                older = b""
                while b'"seq":%d,' % seq not in older:
                    older += await loop.sock_recv(reader, 4096)
                in_hand = older.index(b'"seq":%d,' % seq)
                kb, of_it = in_hand / 1024, hidden / 1024
                print(f"\nstraight: {kb:.0f} KB older than the newest price, {of_it:.0f} of it hidden")  # noqa: T201
                assert in_hand - hidden < MOST_STRAIGHT_BYTES
                await until(lambda: not len(hub.slow))


@pytest.mark.long("gateway", "haproxy.cfg", "deploy/nginx.conf", "deploy/envoy.yaml", "deploy/fronts")
@pytest.mark.parametrize("front", ["straight", *FRONTS])
async def test_what_a_stalled_reader_has_in_hand_is_bounded(front: str) -> None:
    """No ping can say how far it has read: the buffers on the way are all that it reads before the newest price."""
    async with straight() if front == "straight" else behind(front, lag_timeout_s=60) as (its, running):
        reader, writer = await asyncio.open_connection("127.0.0.1", its.port, limit=1)
        writer.write(b"GET /v1/stream?symbols=BTC HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(running.gateway.hub) == 1)
        seq, until_s = 0, asyncio.get_running_loop().time() + WARM_S
        # The kernels find out that it reads fast, and make room.
        while asyncio.get_running_loop().time() < until_s:
            seq = await _publish(running, seq, 20)
            await reader.read(1024 * 1024)
        while not len(running.gateway.hub.slow):
            seq = await _publish(running, seq, 50)
            assert seq < MOST_TICKS
        seq = await _publish(running, seq, 2_000)
        older = b""
        while b'"seq":%d,' % seq not in older:
            older += await reader.read(1024 * 1024)
        in_hand = older.index(b'"seq":%d,' % seq)
        print(f"\n{front}: {in_hand / 1024:.0f} KB older than the newest price")  # noqa: T201
        assert in_hand < MOST_IN_HAND_BYTES
        writer.close()


def _way(connection: Member) -> OnTheWay:
    """What the kernels say of its connection."""
    assert isinstance(connection, EventStream)
    assert connection.way is not None
    return connection.way


async def _publish(running: RunningGateway, seq: int, count: int) -> int:
    """So many more ticks; the number of the last one."""
    for number in range(seq + 1, seq + count + 1):
        await running.publish("BTCUSDT", number)
    await asyncio.sleep(0)
    return seq + count
