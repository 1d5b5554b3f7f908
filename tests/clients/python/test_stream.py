"""Streams over real sockets, of gateways in the test's own process."""

import asyncio
import json
import ssl
import time
from decimal import Decimal
from itertools import count

import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from deploy.ports import free_port
from gateway.auth.settings import AuthSettings
from tests.deploy.watch.gateways import LIVE, WELCOME, Gateway, say, tick
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import RunningGateway, Start
from tests.proxy import Proxy
from tests.waiting import until
from tickgate_client import (
    Gap,
    Limits,
    NotConnectedError,
    RefusedError,
    State,
    Stream,
    SubscribeError,
    Tick,
    connect,
)
from tickgate_client.connection import credentials

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET, jwt_leeway_s=0)
BOUND_S = 20


def good(seconds: float = 3600) -> str:
    """A token that lasts so long."""
    return token("HS256", SECRET, exp=time.time() + seconds)


async def next_of(stream: Stream, kind: type) -> object:
    """The next event of a type."""
    async with asyncio.timeout(BOUND_S):
        async for event in stream.events():
            if isinstance(event, kind):
                return event
    raise AssertionError("the stream has ended")


async def test_prices_come_exact_with_state_and_age(start: Start) -> None:
    """The last price at once, then each change; the state says that it is current, the age counts by the gateway."""
    gateway: RunningGateway = await start()
    await gateway.heartbeat()
    await gateway.publish("BTCUSDT", 7, recv_us=time.time_ns() // 1000)
    async with connect(gateway.url) as stream, asyncio.timeout(BOUND_S):
        assert ["BTCUSDT"] == await stream.subscribe("btc/usdt")
        ticks = aiter(stream)
        tick = await anext(ticks)
        assert (True, Decimal("0.70"), 70) == (tick.snapshot, tick.bid, tick.bid_int)
        await until(lambda: stream.states["BTCUSDT"].live)
        await gateway.publish("BTCUSDT", 8, recv_us=time.time_ns() // 1000)
        tick = await anext(ticks)
        assert (False, 8) == (tick.snapshot, tick.seq)
        assert tick == stream.ticks["BTCUSDT"]
        await until(lambda: stream.clock_offset_s is not None)
        assert abs(stream.clock_offset_s or 0.0) < 5
        assert 0 <= stream.age_s(tick) < BOUND_S
        (listed,) = [one for one in await stream.symbols() if one["symbol"] == "BTCUSDT"]
        assert ["BTC"] == listed["aliases"]
        assert ["BTCUSDT"] == await stream.unsubscribe("BTC")
        assert "BTCUSDT" not in stream.states


async def test_a_wrong_name_is_raised_and_the_others_are_held(start: Start) -> None:
    """The error says what was probably meant."""
    gateway: RunningGateway = await start()
    async with connect(gateway.url) as stream:
        with pytest.raises(SubscribeError, match="did you mean BTCUSDT") as raised:
            await stream.subscribe("ETH", "XBT")
        assert ("ETHUSDT",) == raised.value.held
        with pytest.raises(ValueError, match="needs a symbol"):
            await stream.subscribe()


async def test_an_address_that_is_wrong_is_told_at_once(start: Start) -> None:
    """The gateway's own words say what the right one is; nobody waits for a timeout, and no secret is shown."""
    gateway: RunningGateway = await start()
    for path, words in (("wrong", "404"), ("web/app.js?token=secret", "404")):
        with pytest.raises(RefusedError, match=words) as raised:
            async with connect(f"ws://{gateway.host}:{gateway.port}/{path}"):
                raise AssertionError("connected")
        assert "secret" not in str(raised.value)
    with pytest.raises(ValueError, match="it is like ws://"):
        connect(gateway.http_url)


async def test_nobody_there_is_told_after_the_time_given() -> None:
    """With what the last attempt has said."""
    with pytest.raises(NotConnectedError, match="refused"):
        async with connect(f"ws://127.0.0.1:{free_port()}/ws", connect_timeout_s=0.2):
            raise AssertionError("connected")


async def stays(socket: ServerConnection) -> None:
    """A gateway that welcomes whoever comes, and answers pings and subscribes."""
    await say(socket, WELCOME, LIVE)
    async for text in socket:
        message = json.loads(text)
        if message["type"] == "ping":
            await say(socket, {"type": "pong", "id": message["id"]})
        else:
            await say(socket, {"type": "subscribed", "symbols": ["BTCUSDT"], "id": message["id"]})
            await say(socket, tick("BTCUSDT", 6_500_105))


async def test_a_gateway_of_before_is_understood() -> None:
    """It does not tell its time; one that is full, or has a fault, is asked again."""
    async with Gateway(503, 500, stays).serving() as gateway, connect(gateway.url) as stream:
        assert 3 == len(gateway.requests)
        assert ["BTCUSDT"] == await stream.subscribe("BTC")
        got = await next_of(stream, Tick)
        assert isinstance(got, Tick)
        assert (Decimal("65001.05"), None) == (got.bid, stream.clock_offset_s)
        assert stream.age_s(got) > 0


async def test_a_gateway_learns_which_attempt_it_is() -> None:
    """The first connection says nothing of it, each later attempt its number; what the caller's query says stays."""
    async with Gateway(stays, 503, stays).serving() as gateway, connect(f"{gateway.url}?signed=%2B/==") as stream:
        await stream.subscribe("BTC")
        for socket in list(gateway.sockets):
            await socket.close(1012)
        await until(lambda: len(gateway.requests) > 2)
        expected = ["", "&attempt=1", "&attempt=2"]
        assert [f"/ws?signed=%2B/=={each}" for each in expected] == [request.path for request in gateway.requests]


async def test_a_certificate_is_checked() -> None:
    """One of an authority that is not known is refused at once; with its file it is believed."""
    authority = trustme.CA()
    served, ours = (ssl.SSLContext(which) for which in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT))
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(ours)
    async with Gateway(stays).serving(served) as gateway:
        with pytest.raises(RefusedError, match="certificate"):
            await connect(gateway.url).__aenter__()
        async with connect(gateway.url, websocket_options={"ssl": ours}) as stream:
            assert ["BTCUSDT"] == await stream.subscribe("BTC")


async def test_a_token_is_got_for_each_connection_and_before_it_expires(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller does nothing; a plain function runs beside the event loop, and one that fails is called again."""
    monkeypatch.setattr(credentials, "AGAIN_S", 0.05)
    gateway: RunningGateway = await start(auth=JWT)
    numbers = count(1)
    asked = []

    def get_token() -> str:
        asked.append(next(numbers))
        if asked[-1] == 2:
            raise OSError("the issuer does not answer")
        # The notice comes half a minute before the end, so at once.
        return good(25 if asked[-1] == 1 else 3600)

    async with connect(gateway.url, token=get_token) as stream, asyncio.timeout(BOUND_S):
        await stream.subscribe("BTC")
        await until(lambda: len(asked) == 3)
        for connection in tuple(gateway.gateway.hub.connections):
            connection.abort("the test")
        await until(lambda: len(asked) == 4)
        await until(lambda: stream.connected)
        await gateway.publish("BTCUSDT", 9)
        assert isinstance(await next_of(stream, Tick), Tick)


async def test_a_token_that_is_not_taken_ends_the_stream(start: Start) -> None:
    """At the start, and where it expires: whoever iterates gets the error, and it says what to do."""
    gateway: RunningGateway = await start(auth=JWT, auth_timeout_s=0.3)
    with pytest.raises(RefusedError, match="give another one"):
        await connect(gateway.url, token="no.token.at.all").__aenter__()  # noqa: S106 # it is none
    async with connect(gateway.url) as stream:
        with pytest.raises(SubscribeError) as raised:
            await stream.subscribe("BTC")
        assert "unauthorised" == raised.value.code
        with pytest.raises(RefusedError, match="the gateway needs a token"):
            await next_of(stream, Gap)
    async with connect(gateway.url, token=good(1.2)) as stream:
        await stream.subscribe("BTC")
        with pytest.raises(RefusedError, match="a function that gets a new one"):
            await next_of(stream, Gap)
        with pytest.raises(RefusedError):
            await stream.subscribe("ETH")


async def test_a_caller_who_is_slow_gets_the_newest(start: Start) -> None:
    """Of each symbol one tick, or a queue that is bounded, with the gap told."""
    gateway: RunningGateway = await start()
    await gateway.heartbeat()
    async with connect(gateway.url, queue_size=10) as stream, asyncio.timeout(BOUND_S):
        await stream.subscribe("BTC")
        await stream.subscribe("ETH", conflate=False)
        for seq in range(1, 101):
            await gateway.publish("BTCUSDT", seq)
            await gateway.publish("ETHUSDT", seq)
        await until(lambda: len(stream.ticks) == 2 and all(tick.seq == 100 for tick in stream.ticks.values()))
        events = []
        async for event in stream.events():
            if isinstance(event, Tick | Gap):
                events.append(event)
            if isinstance(event, Tick) and (event.symbol, event.seq) == ("ETHUSDT", 100):
                break
        assert [100] == [event.seq for event in events if isinstance(event, Tick) and event.symbol == "BTCUSDT"]
        gap, *queued = [event for event in events if event.symbol == "ETHUSDT"]
        assert isinstance(gap, Gap)
        assert "slow" == gap.cause
        seqs = [event.seq for event in queued if isinstance(event, Tick)]
        assert gap.to_seq is not None
        assert list(range(gap.to_seq + 1, 101)) == seqs
        assert len(seqs) <= 10


async def test_a_caller_who_never_waits_still_gets_what_is_new(start: Start) -> None:
    """A loop that only works lets the event loop have its turns."""
    gateway: RunningGateway = await start()
    async with connect(gateway.url) as stream, asyncio.timeout(BOUND_S):
        await stream.subscribe("BTC")
        await gateway.publish("BTCUSDT", 1)
        seen = []
        async for tick in stream:
            time.sleep(0.002)  # noqa: ASYNC251 # it is what the test is about
            seen.append(tick.seq)
            gateway.gateway.loop.create_task(gateway.publish("BTCUSDT", tick.seq + 1))
            if tick.seq == 50:
                break
        assert list(range(1, 51)) == seen


async def test_a_connection_that_says_nothing_is_made_again(start: Start) -> None:
    """Prices are stale first; the next connection, which is well, makes them live, and the gateway counts it."""
    gateway: RunningGateway = await start()
    await gateway.heartbeat()
    await gateway.publish("BTCUSDT", 7)
    limits = Limits(ping_s=0.1, silent_s=0.3, dead_s=0.6)
    async with Proxy(gateway.port) as proxy, connect(f"ws://{proxy.address}/ws?a=%20", limits=limits) as stream:
        await stream.subscribe("BTC")
        assert 0 == gateway.gateway.counters.client_reconnects
        await until(lambda: stream.states["BTCUSDT"].live)
        proxy.to_client.freeze()
        await until(lambda: not stream.states["BTCUSDT"].live)
        assert stream.connected
        assert "stale" == told(stream)
        await until(lambda: proxy.dialled == 2)
        proxy.to_client.heal()
        await until(lambda: stream.states["BTCUSDT"].live)
        assert "live" == told(stream)
        assert gateway.gateway.counters.client_reconnects > 0


def told(stream: Stream) -> str:
    """The newest state that waits for the caller."""
    return [event.state for event in iter(stream._core.inbox.take, None) if isinstance(event, State)][-1]


async def test_a_closed_stream_lets_everybody_go(start: Start) -> None:
    """Whoever iterates comes to an end; no task is left."""
    gateway: RunningGateway = await start()
    before = asyncio.all_tasks()
    async with connect(gateway.url) as stream:
        await stream.subscribe("BTC")

        async def consume() -> int:
            return sum([1 async for _ in stream.events()])

        consumer = asyncio.create_task(consume())
        await asyncio.sleep(0)
        await until(lambda: stream._core.inbox.on_arrival is not None)
        with pytest.raises(RuntimeError, match="two tasks"):
            await anext(aiter(stream))
        await stream.close()
        assert await consumer >= 1
    await until(lambda: asyncio.all_tasks() <= before)
