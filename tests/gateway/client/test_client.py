"""Whole clients over real sockets."""

import asyncio
import logging
import socket
import uuid
from collections import Counter
from contextlib import AsyncExitStack, suppress
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, WSMsgType
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Opcode
from websockets.typing import Subprotocol

from gateway.admission.upgrade_request import UpgradeRequest
from gateway.auth.grant import Grant
from gateway.auth.settings import AuthSettings
from gateway.client import costs
from gateway.client.welcome import begin
from gateway.gateway import Gateway
from gateway.settings import Settings
from gateway.websocket.handshake import Handshake
from market.bus.memory import MemoryBus
from market.prices.symbols import parse_symbols
from market.process.event import Event
from market.process.logs import ACCESS_LOG
from tests.client import Message, connected
from tests.client_frames import CONTINUATION, FIN, PING, PONG, RSV1, TEXT, client_frame, deflated, referring
from tests.fakes import Stopwatch, frames_of, run_virtual, tick
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import RunningGateway, Start
from tests.gateway.transports import RecordingTransport
from tests.market.bus.using import publish

loads = msgspec.json.decode


async def until_empty(running: RunningGateway) -> None:
    """Wait until the gateway has no client."""
    async with asyncio.timeout(10):
        await running.gateway._empty.wait()


async def test_welcome_comes_first_and_names_the_client(start: Start) -> None:
    """The first message has a UUID, the heartbeat and the gateway's clock, the second the state of the feed."""
    running = await start(heartbeat_s=12)
    before_us = running.gateway.now_us()
    async with connect(running.url) as client:
        welcome, status = [loads(await client.recv()) for _ in range(2)]
    assert ("welcome", 12) == (welcome["type"], welcome["heartbeat_s"])
    assert before_us <= welcome["server_us"] <= running.gateway.now_us()
    assert welcome["client"] == str(uuid.UUID(welcome["client"]))
    assert ("status", "stale") == (status["type"], status["feed"])


async def test_a_subscribe_is_answered_with_snapshots_and_then_ticks(start: Start) -> None:
    """A subscribe is answered with snapshots at once, then with new ticks, and nothing else."""
    running = await start()
    await running.publish("BTCUSDT", 5)
    await running.publish("SOLUSDT", 1)
    async with connected(running.url) as client:
        await client.subscribe("BTC", "ETH", id=1)
        await running.publish("BTCUSDT", 6)
        await running.publish("ETHUSDT", 1)
        await running.publish("SOLUSDT", 2)
        await client.until(lambda client: client.newest_seq("ETHUSDT") == 1)
        assert {"BTCUSDT": [5, 6], "ETHUSDT": [1]} == {symbol: client.seqs(symbol) for symbol in client.prices}
        assert ["snapshot", "tick"] == [price["type"] for price in client.prices["BTCUSDT"]]
        assert 60 == client.prices["BTCUSDT"][1]["bid"]


async def test_the_last_line_of_a_client_in_the_log(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """Its id, address, subject and close code, how many messages it sent, and all the bytes that it was sent."""
    caplog.set_level(logging.INFO, ACCESS_LOG)
    running = await start(max_errors_per_connection=2, auth=AuthSettings(mode="jwt", jwt_secret=SECRET))
    bearer = {"Authorization": f"Bearer {token('HS256', SECRET, sub='alice')}"}
    received = 0
    async with connect(running.url, additional_headers=bearer, compression=None) as client:
        name = loads(first := await client.recv(decode=False))["client"]
        received += len(first)
        await client.send("{}")
        await client.send("{}")
        with suppress(ConnectionClosed):
            while True:
                received += len(await client.recv(decode=False))
    await until_empty(running)
    [record] = (one for one in caplog.records if one.name == ACCESS_LOG)
    assert isinstance(record.msg, Event)
    values = record.msg.values(record.args)
    expected = {"client": name, "address": "127.0.0.1", "subject": "alice", "code": 4429, "messages": 2, "slow_s": 0}
    assert expected == {key: values[key] for key in expected}
    # The head of the answer, and the frames' own bytes, are more.
    assert received < values["bytes_out"] < received + 2000
    assert 100 < values["bytes_in"] < 2000
    assert values["duration_s"] > 0


async def test_messagepack_by_subprotocol(start: Start) -> None:
    """A client that negotiates MessagePack sends and receives binary messages, ticks included."""
    running = await start()
    await running.publish("BTCUSDT", 5)
    async with connect(running.url, subprotocols=[Subprotocol("tickgate.v1.msgpack")]) as client:
        assert "tickgate.v1.msgpack" == client.subprotocol
        await client.send(msgspec.msgpack.encode({"type": "subscribe", "symbols": ["BTC"], "batch": True}))
        messages = [msgspec.msgpack.decode(await client.recv(decode=False)) for _ in range(4)]
        assert ["welcome", "status", "subscribed", "snapshot"] == [message["type"] for message in messages]
        await running.publish("BTCUSDT", 6)
        batch = msgspec.msgpack.decode(await client.recv(decode=False))
        assert [("BTCUSDT", 6)] == [(one["symbol"], one["seq"]) for one in batch["ticks"]]
        await client.send('{"type":"ping"}')
        assert "wrong_frame" == msgspec.msgpack.decode(await client.recv(decode=False))["code"]


async def test_batches_are_compressed_once_for_all_who_can_read_it(start: Start) -> None:
    """Clients with and without their own window read the same compressed batch; others get it uncompressed."""
    running = await start(symbols=parse_symbols("@deploy/symbols-100.txt"))
    names = running.gateway.settings.symbols.names
    small_window = ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_max_window_bits=9)
    ways = ({"compression": "deflate"}, {"compression": None, "extensions": [small_window]}, {"compression": None})
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(running.url, **way)) for way in ways]
        for client in clients:
            await client.send('{"type":"subscribe","symbols":["*"],"batch":true}')
            assert ["welcome", "status", "subscribed"] == [loads(await client.recv())["type"] for _ in range(3)]
        assert 2 == running.gateway.hub.cohort_count
        for turn in range(1, 4):
            await publish(running.gateway.bus, [tick(name, turn) for name in names])
            for client in clients:
                got = [(one["symbol"], one["seq"]) for one in loads(await client.recv())["ticks"]]
                assert [(name, turn) for name in names] == got
        # A compressed message of the client's own is understood too.
        await clients[0].send('{"type":"list","id":"' + "x" * 64 + '"}')
        assert len(names) == len(loads(await clients[0].recv())["symbols"])


async def test_a_compressed_bomb_is_stopped_at_the_limit(start: Start) -> None:
    """A message that is small on the wire but too long when inflated closes its own connection with 1009."""
    running = await start(max_message_bytes=10_000)
    async with connect(running.url) as client:
        await client.send('"' + "x" * 1_000_000 + '"')
        await client.wait_closed()
        assert 1009 == client.close_code


@pytest.mark.parametrize("offered", [None, "tickgate.v1.json", "something.else"])
async def test_json_is_the_default(start: Start, offered: str | None) -> None:
    """JSON is the encoding without a subprotocol, with ours for JSON, or with an unknown one."""
    running = await start()
    subprotocols = [Subprotocol(offered)] if offered else None
    async with connect(running.url, subprotocols=subprotocols) as client:
        assert isinstance(await client.recv(), str)


async def test_bad_input_is_answered_and_touches_nobody_else(start: Start) -> None:
    """Wrong messages get errors on their own connection, which stays; other clients are not affected."""
    running = await start()
    async with connected(running.url) as bad, connected(running.url) as neighbour:
        await neighbour.subscribe("BTC", conflate=False)
        wrong: list[Message | str | bytes] = [
            "{",
            b"binary",
            '{"type":"fly"}',
            '{"type":"list","x":1}',
            {"type": "subscribe", "symbols": 5},
            {"type": "subscribe", "symbols": [f"S{number}" for number in range(10_000)]},
        ]
        for seq, message in enumerate(wrong, start=1):
            await bad.send(message)
            await running.publish("BTCUSDT", seq)
        await bad.until(lambda client: client.count("error") == len(wrong))
        codes = [message["code"] for message in bad.messages if message["type"] == "error"]
        expected = ["bad_json", "wrong_frame", "unknown_command", "bad_message", "bad_message", "unknown_symbol"]
        assert expected == codes
        await bad.send({"type": "ping", "id": 1})
        await bad.until(lambda client: client.count("pong") == 1)
        await neighbour.until(lambda client: client.newest_seq("BTCUSDT") == len(wrong))
        assert [1, 2, 3, 4, 5, 6] == neighbour.seqs("BTCUSDT")


async def test_a_message_above_the_limit_closes_with_1009(start: Start) -> None:
    """A frame longer than MAX_MESSAGE_BYTES ends its own connection by the code the standard has for it."""
    running = await start(max_message_bytes=1000)
    async with connected(running.url) as client, connected(running.url) as neighbour:
        await client.send("x" * 1001)
        assert 1009 == await client.until_closed()
        await neighbour.subscribe("BTC")


async def test_too_many_errors_close_with_4429(start: Start) -> None:
    """After the last allowed error the reason is sent, then the close."""
    running = await start(max_errors_per_connection=2)
    async with connected(running.url) as client:
        await client.send("{")
        await client.send("{")
        assert 4429 == await client.until_closed()
        assert "too_many_errors" == client.messages[-1]["code"]


async def test_nothing_is_left_however_a_client_goes(start: Start) -> None:
    """A close, a cut, half a frame and a reset all leave no connection, no cohort and no task."""
    running = await start(heartbeat_s=0.5)
    async with connected(running.url) as polite:
        await polite.subscribe("*")
    rude = await connect(running.url)
    await rude.send('{"type":"subscribe","symbols":["BTC"]}')
    rude.transport.abort()
    half = await connect(running.url, ping_interval=None)
    half.transport.write(b"\x81\xfe\x10")
    # Half a frame, and then not even an answer to a ping: the transport is not read any more.
    half.transport.pause_reading()
    await until_empty(running)
    half.transport.abort()
    assert (0, 0) == (len(running.gateway.hub), running.gateway.hub.cohort_count)
    assert [] == [part for part in running.gateway.keepalive._slices if part]
    assert {} == running.gateway.keepalive._slice_of


async def test_an_idle_client_that_answers_pings_stays(start: Start) -> None:
    """A silent client that sends pongs stays; a client that pings gets its payload back."""
    running = await start(heartbeat_s=0.5)
    async with ClientSession() as http, http.ws_connect(running.url, autoping=False) as client:
        assert [WSMsgType.TEXT] * 2 == [(await client.receive()).type for _ in range(2)]
        await client.ping(b"are you there")
        assert (WSMsgType.PONG, b"are you there") == (await client.receive(10))[:2]
        for _ in range(4):
            ping = await client.receive(10)
            assert WSMsgType.PING == ping.type
            await client.pong(ping.data)
        assert 1 == len(running.gateway.hub)


async def test_a_client_that_stops_reading_is_cut_off_and_delays_nobody(start: Start) -> None:
    """A stalled reader lags and is aborted past LAG_TIMEOUT_S, while a neighbour gets every tick at once."""
    running = await start(lag_timeout_s=0.3)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((running.host, running.port))
    stalled = await connect(running.url, sock=raw, ping_interval=None, max_queue=1)
    await stalled.send('{"type":"subscribe","symbols":["*"]}')
    async with connected(running.url) as neighbour:
        await neighbour.subscribe("BTC", conflate=False)
        stalled.transport.pause_reading()
        seq = 0
        async with asyncio.timeout(30):
            while running.gateway.counters.aborted == 0:
                seq += 1
                await running.publish("BTCUSDT", seq)
                await asyncio.sleep(0)
        await neighbour.until(lambda client: client.newest_seq("BTCUSDT") == seq)
        assert [] == neighbour.gaps()
        assert running.gateway.counters.lags >= 1
    stalled.transport.abort()


async def test_a_stopping_gateway_says_so_and_closes_with_1012(start: Start) -> None:
    """A drain sends a shutdown notice with a time to come back, then 1012 to those still there."""
    running = await start(drain_seconds=0.3)
    async with connected(running.url) as client:
        await running.gateway.drain()
        assert 1012 == await client.until_closed()
        notice = next(message for message in client.messages if message["type"] == "shutdown")
        assert 0 <= notice["reconnect_after_ms"] <= 300


async def test_a_full_gateway_refuses_with_503(start: Start) -> None:
    """Beyond MAX_CONNECTIONS handshakes are refused, and connected clients are not affected."""
    running = await start(max_connections=1)
    async with connected(running.url) as client:
        with pytest.raises(Exception, match="503"):
            await connect(running.url)
        await client.subscribe("BTC")
    await until_empty(running)
    async with connected(running.url):
        pass


async def test_unknown_frames_close_by_the_protocol(start: Start) -> None:
    """A reserved opcode is a protocol error, 1002, on its own connection only."""
    running = await start()
    client = await connect(running.url, ping_interval=None)
    client.transport.write(b"\x83\x80\x00\x00\x00\x00")
    await client.wait_closed()
    assert 1002 == client.close_code


class Talk:
    """A client without a socket, in virtual time."""

    def __init__(
        self,
        subject: str | None = "",
        gateway: Gateway | None = None,
        *,
        key: str | None = None,
        window_bytes: int = 0,
        **settings: Any,
    ) -> None:
        """``subject`` is None before a token; the address is counted under ``key``."""
        self.gateway = gateway or Gateway(Settings(bus_url="memory://", **settings), MemoryBus(), timer=Stopwatch())
        handshake = Handshake(b"", "", deflate=True, window_bytes=window_bytes)
        upgrade_request = UpgradeRequest(handshake, "192.0.2.1", key, key is not None, None, None)
        grant = None if subject is None else Grant(subject)
        self.transport = RecordingTransport()
        self.connection = begin(
            self.gateway, self.transport, upgrade_request, grant, self.gateway.admission.admit(upgrade_request, grant)
        )
        self.transport.set_protocol(self.connection)

    def say(self, times: int, first: int = FIN | TEXT, payload: bytes = b'{"type":"ping"}') -> None:
        """This many frames in one piece."""
        self.transport.receive(times * client_frame(first, payload))

    def answers(self) -> Counter[str]:
        """What was sent since the last time: types, codes of errors, and names of control frames."""
        stream, self.transport.written = bytes(self.transport.written), bytearray()
        counted: Counter[str] = Counter()
        for frame in frames_of(stream):
            if frame.opcode is not Opcode.TEXT:
                counted[frame.opcode.name] += 1
                continue
            message = loads(frame.data)
            counted[message.get("code", message["type"])] += 1
        return counted - Counter({"welcome": 1, "status": 1})


def test_more_messages_than_the_rate_are_refused_and_a_flood_is_closed() -> None:
    """Two seconds' worth is answered, another second's worth refused, then comes 4429; a pause restores the rate."""

    async def main() -> None:
        talk = Talk(max_messages_per_second=10)
        talk.say(20)
        assert {"pong": 20} == talk.answers()
        talk.say(5)
        assert {"rate_limited": 5} == talk.answers()
        await asyncio.sleep(1)
        talk.say(6)
        assert {"pong": 5, "rate_limited": 1} == talk.answers()
        talk.say(100)
        assert {"rate_limited": 9, "CLOSE": 1} == talk.answers()
        assert talk.connection.end.startswith("closed with 4429")
        assert {"connection": 16} == talk.gateway.counters.messages_refused
        assert {"rate_limited": 15} == talk.gateway.counters.errors_sent

    run_virtual(main())


def test_who_meets_a_rate_of_messages_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the client or its address, with the setting, once and not per message."""

    async def main() -> None:
        talk = Talk(max_messages_per_second=10)
        talk.say(25)
        assert {"pong": 20, "rate_limited": 5} == talk.answers()
        lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert [f"client {talk.connection.client} has met MAX_MESSAGES_PER_SECOND=10"] == lines

    run_virtual(main())


def test_a_message_that_costs_much_counts_as_many() -> None:
    """A message with thousands of names costs hundreds of pings; at the rate of pings it is refused, not closed."""

    async def main() -> None:
        talk = Talk(max_messages_per_second=10)
        huge = b'{"type":"subscribe","symbols":["BTC"%b]}' % (b',"BTC"' * 9_999)
        talk.say(3, payload=huge)
        assert {"subscribed": 1, "rate_limited": 2} == talk.answers()
        # 1 + 62 for the names + 14 for its length + 2 for those refused, of which 20 were there.
        await asyncio.sleep(2)
        talk.say(1)
        assert {"rate_limited": 1} == talk.answers()
        await asyncio.sleep(4.6)
        talk.say(5)
        assert {"pong": 5} == talk.answers()

    run_virtual(main())


@pytest.mark.parametrize(
    ("first", "payload"),
    [
        # A few hundred bytes on the wire, tens of thousands of names.
        (FIN | RSV1 | TEXT, deflated(b'{"type":"subscribe","symbols":["BTC"%b]}' % (b',"BTC"' * 43_000))),
        (FIN | RSV1 | TEXT, deflated(b'{"type":"unsubscribe","symbols":["BTC"%b]}' % (b',"BTC"' * 9_000))),
        (FIN | RSV1 | TEXT, deflated(b'{"type":"subscribe","symbols":["X0"%b]}' % (b',"X"' * 9_000))),
        # Nothing inside, and long to inflate.
        (FIN | RSV1 | TEXT, 1_400 * bytes.fromhex("04c0810800000000209fa64ff600")[:11]),
        (FIN | RSV1 | TEXT, 3_000 * b"\x00\x00\x00\xff\xff" + deflated(b'{"type":"ping"}')),
        # Long to read.
        (FIN | TEXT, b'{"type":"auth","token":5,"id":["%b"]}' % (b"x" * 260_000)),
    ],
)
def test_costly_messages_are_not_free_for_who_has_nothing_left(first: int, payload: bytes) -> None:
    """Costly messages at any speed enter only as far as they are paid for, right or wrong."""

    async def main() -> None:
        talk = Talk(max_messages_per_second=10, max_errors_per_connection=0)
        looked_at = 0
        loop = asyncio.get_running_loop()
        begin = loop.time()
        read = talk.gateway.counters.messages_refused
        while loop.time() - begin < 60 and not talk.connection.closing:
            talk.say(1, first, payload)
            await asyncio.sleep(0.5)
        looked_at = talk.gateway.counters.messages_received - sum(read.values())
        # A minute's 600 tokens, and those that are there at the beginning; the dearest costs 32 or more of them.
        assert looked_at <= 1 + 620 / 16

    run_virtual(main())


@pytest.mark.parametrize(("first", "expected"), [(FIN | PING, {"PONG": 20}), (FIN | PONG, {}), (TEXT, {})])
def test_frames_that_are_no_messages_count_like_messages(first: int, expected: dict[str, int]) -> None:
    """Pings, pongs and fragments cost as much as messages; a flood of them is closed without an error before."""

    async def main() -> None:
        talk = Talk(max_messages_per_second=10, max_message_bytes=0)
        if first == TEXT:
            talk.say(1, TEXT, b'"')
            talk.say(19, CONTINUATION, b"x")
        else:
            talk.say(20, first, b"")
        assert expected == talk.answers()
        talk.say(11, CONTINUATION if first == TEXT else first, b"")
        answers = talk.answers()
        assert (1, 0) == (answers["CLOSE"], answers["rate_limited"])
        assert talk.connection.end.startswith("closed with 4429")

    run_virtual(main())


def test_a_rate_of_zero_is_no_limit() -> None:
    """With a rate of zero ten thousand messages at once are answered."""

    async def main() -> None:
        talk = Talk(max_messages_per_second=0)
        talk.say(10_000)
        assert {"pong": 10_000} == talk.answers()

    run_virtual(main())


def test_all_connections_of_a_subject_share_a_rate_and_none_is_closed_for_it() -> None:
    """Connections of a subject share a rate: a flood of one only delays the others, and no other subject."""

    async def main() -> None:
        settings: dict[str, Any] = {"max_messages_per_second": 0, "max_messages_per_second_per_subject": 10}
        first = Talk("alice", **settings)
        second, other = (Talk(subject, first.gateway) for subject in ("alice", "bob"))
        first.say(1000)
        assert {"pong": 20, "rate_limited": 980} == first.answers()
        second.say(5)
        assert {"rate_limited": 5} == second.answers()
        other.say(20)
        assert {"pong": 20} == other.answers()
        # Who was refused beyond a second's worth owes nothing for it.
        await asyncio.sleep(2)
        second.say(10)
        assert {"pong": 10} == second.answers()
        assert not first.connection.closing

    run_virtual(main())


def test_a_client_that_cannot_begin_counts_for_nobody() -> None:
    """If the socket is gone before the first message, the slot is freed."""

    class GoneTransport(RecordingTransport):
        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            raise OSError("gone")

    async def main() -> None:
        gateway = Talk().gateway
        upgrade_request = UpgradeRequest(Handshake(b"", "", deflate=False), "192.0.2.9", "192.0.2.9", True, None, None)
        slot = gateway.admission.admit(upgrade_request, Grant("alice"))
        with pytest.raises(OSError, match="gone"):
            begin(gateway, GoneTransport(), upgrade_request, Grant("alice"), slot)
        assert (0, 0) == (len(gateway.admission._addresses), len(gateway.admission._subjects))

    run_virtual(main())


async def test_where_nobody_needs_a_token_one_does_no_harm(start: Start) -> None:
    """Where no token is needed `auth` is confirmed, without subject and end."""
    running = await start()
    async with connected(running.url) as client:
        await client.send({"type": "auth", "token": "whatever", "id": 1})
        await client.subscribe("BTC")
        [answer] = [message for message in client.messages if message["type"] == "authenticated"]
        assert {"type": "authenticated", "subject": "", "id": 1} == answer


def test_a_client_with_a_window_is_refused_like_any_other_and_read_on() -> None:
    """Refused messages still fill the client's window, so later ones are understood."""

    async def main() -> None:
        talk = Talk(max_messages_per_second=10, window_bytes=32 * 1024)
        talk.say(19)
        marked, before = [b'{"type":"ping","id":"%d"}' % number for number in range(6)], b""
        for message in marked:
            talk.say(1, FIN | RSV1 | TEXT, referring(before, message) if before else deflated(message))
            before += message
        assert {"pong": 20, "rate_limited": 5} == talk.answers()
        await asyncio.sleep(3)
        talk.say(1, FIN | RSV1 | TEXT, referring(before, marked[1]))
        assert {"pong": 1} == talk.answers()

    run_virtual(main())


def test_a_flood_that_must_be_read_is_closed_by_what_it_costs() -> None:
    """Long compressed messages of a client with a window cannot be skipped, so few of them end it."""

    async def main() -> None:
        long = 3_000 * b"\x00\x00\x00\xff\xff" + deflated(b'{"type":"ping"}')
        talk = Talk(max_messages_per_second=100, window_bytes=32 * 1024)
        talk.say(30, FIN | RSV1 | TEXT, long)
        answers = talk.answers()
        assert answers["CLOSE"] == 1
        assert answers["pong"] + answers["rate_limited"] <= 300 / 29 + 1

    run_virtual(main())


def test_before_a_token_compressed_messages_are_short() -> None:
    """A compressed message with the longest token is read; a longer one closes with 1009, before it is inflated."""

    async def main() -> None:
        ping = deflated(b'{"type":"ping"}')
        for length, answer in ((costs.UNKNOWN_COMPRESSED - 5, "unauthorised"), (costs.UNKNOWN_COMPRESSED + 5, "CLOSE")):
            talk = Talk(None, auth=AuthSettings(mode="jwt", jwt_secret="s" * 32))
            talk.say(1, FIN | RSV1 | TEXT, b"\x00\x00\x00\xff\xff" * ((length - len(ping)) // 5) + ping)
            assert {answer: 1} == talk.answers()
        assert talk.connection.end.startswith("closed with 1009")

    run_virtual(main())


def test_signatures_cost_more_than_pings_and_are_paid_for_before_they_are_looked_at() -> None:
    """A client that shows token after token pays five tokens of its rate for each check, and then waits."""

    class Counting:
        looked_at = 0

        def verify_now(self, _token: str) -> Grant:
            self.looked_at += 1
            return Grant("alice")

    async def main() -> None:
        talk = Talk(None, auth=AuthSettings(mode="jwt", jwt_secret="s" * 32), max_messages_per_second=10)
        issuer = Counting()
        talk.gateway.authenticator = issuer  # type: ignore[assignment] # has what is asked of it
        talk.say(20, payload=b'{"type":"auth","token":"x"}')
        assert {"authenticated": 4, "rate_limited": 10, "CLOSE": 1} == talk.answers()
        assert 4 == issuer.looked_at

    run_virtual(main())


def test_what_waits_for_a_token_is_paid_for_when_it_is_heard() -> None:
    """Costly messages that came during the check of a token are charged like any other."""

    class Slow:
        def verify_now(self, _token: str) -> None:
            return None

        async def verify(self, _token: str) -> Grant:
            await asyncio.sleep(1)
            return Grant("alice")

    async def main() -> None:
        talk = Talk(None, auth=AuthSettings(mode="jwt", jwt_secret="s" * 32), max_messages_per_second=10)
        talk.gateway.authenticator = Slow()  # type: ignore[assignment] # has what is asked of it
        talk.say(1, payload=b'{"type":"auth","token":"x"}')
        talk.say(1, payload=b'{"type":"subscribe","symbols":["BTC"%b]}' % (b',"X"' * 9_990))
        await asyncio.sleep(1.1)
        assert 1 == talk.answers()["subscribed"]
        talk.say(1)
        assert {"rate_limited": 1} == talk.answers()

    run_virtual(main())


def test_connections_of_one_address_share_a_rate() -> None:
    """Connections of an address share a rate: they are refused together and not closed; other addresses are served."""

    async def main() -> None:
        settings: dict[str, Any] = {"max_messages_per_second": 10, "max_messages_per_second_per_ip": 4}
        first = Talk(key="192.0.2.1", **settings)
        second, other = (Talk(gateway=first.gateway, key=key) for key in ("192.0.2.1", "192.0.2.2"))
        first.say(15)
        second.say(6)
        assert {"pong": 15} == first.answers()
        assert {"pong": 5, "rate_limited": 1} == second.answers()
        other.say(20)
        assert {"pong": 20} == other.answers()
        assert {"address": 1} == first.gateway.counters.messages_refused
        await asyncio.sleep(2)
        second.say(1)
        assert {"pong": 1} == second.answers()

    run_virtual(main())


async def test_compression_can_be_switched_off(start: Start) -> None:
    """With compression off nothing is negotiated, and clients that offer it are served; the setting can change."""
    running = await start(ws_compression="off")
    async with connect(running.url) as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers
        await client.send('{"type":"ping"}')
        assert ["welcome", "status", "pong"] == [loads(await client.recv())["type"] for _ in range(3)]
    running.gateway.change(msgspec.structs.replace(running.gateway.settings, ws_compression="on"))
    async with connect(running.url) as client:
        assert client.response is not None
        assert "permessage-deflate" == client.response.headers["Sec-WebSocket-Extensions"]


async def test_a_client_goes_on_where_it_was(start: Start) -> None:
    """Over a real socket: what was missed of each symbol, then what comes; and a gap where it is not there."""
    running = await start()
    for seq in range(5, 9):
        await running.publish("BTCUSDT", seq)
        await running.publish("ETHUSDT", seq * 10)
    async with connected(running.url) as client:
        await client.subscribe("BTC", "ETH", "SOL", conflate=False, since={"BTC": 6, "ETH": 50, "SOL": 3})
        await client.until(lambda client: client.newest_seq("ETHUSDT") == 80)
        await running.publish("BTCUSDT", 9)
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 9)
        await client.until(lambda client: client.count("gap") == 1)
        assert ([7, 8, 9], [60, 70, 80]) == (client.seqs("BTCUSDT"), client.seqs("ETHUSDT"))
        assert [{"type": "gap", "symbol": "SOLUSDT", "from_seq": 4}] == client.received("gap")
        # Over again, on the same connection.
        await client.subscribe("BTC", conflate=False, since={"BTC": 7})
        await client.until(lambda client: client.seqs("BTCUSDT") == [7, 8, 9, 8, 9])
        await client.send({"type": "unsubscribe", "symbols": ["BTC"]})
        await client.until(lambda client: client.count("unsubscribed") == 1)
        await running.publish("BTCUSDT", 10)
        await running.publish("ETHUSDT", 81)
        await client.until(lambda client: client.newest_seq("ETHUSDT") == 81)
        assert [7, 8, 9, 8, 9] == client.seqs("BTCUSDT")
    assert 7 == running.gateway.counters.ticks_resumed


async def test_a_gateway_without_a_history(start: Start) -> None:
    """With `HISTORY_BYTES=0` a client hears what it lacks, and has the newest tick of each symbol."""
    running = await start(history_bytes=0)
    for seq in range(5, 9):
        await running.publish("BTCUSDT", seq)
    async with connected(running.url) as client:
        await client.subscribe("BTC", conflate=False, since={"BTC": 5})
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 8)
        assert [{"type": "gap", "symbol": "BTCUSDT", "from_seq": 6, "to_seq": 7}] == client.received("gap")
        assert ["snapshot"] == [price["type"] for price in client.prices["BTCUSDT"]]
