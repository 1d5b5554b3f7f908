"""From an accepted connection to the one who talks to it, without sockets and in virtual time."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from typing import Any

import pytest
from aiohttp.http_parser import RawRequestMessage
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.acceptor import Acceptor, PendingHandshake
from gateway.admission.admission import Admission
from gateway.admission.limits.grace_periods import GRACE_S, MOST_OF_ONE, MOST_PER_S
from gateway.admission.request.head import MAX_FIELDS, MAX_HEAD_BYTES
from gateway.errors import RefusalError
from gateway.metrics.counters import Counters
from gateway.settings import Settings
from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.read_scheduler import TURN_S, ReadScheduler
from tests.fakes import Stopwatch, run_virtual
from tests.gateway.transports import RecordingTransport

HANDSHAKE = (
    b"GET /ws?ticket=t HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
TIMEOUT_S = 5.0


class RecordingProtocol(asyncio.Protocol):
    """Whoever talks to a connection: it keeps what it is told."""

    def __init__(self) -> None:
        self.transport: asyncio.BaseTransport | None = None
        self.data = b""
        self.calls: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool | None:
        self.calls.append("eof")
        return True

    def connection_lost(self, _error: Exception | None) -> None:
        self.calls.append("lost")

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")


class Hall:
    """An acceptor with everybody around them recorded."""

    def __init__(self, most: int = 0, *, upgrades: bool = True, **settings: Any) -> None:
        self.counters = Counters()
        self.buffers = Buffers(self.counters, Bounds(10, 10, settings.pop("budget", 0)))
        self.admission = Admission(Settings(**settings), None, lambda: True)
        self.upgraded: list[RecordingProtocol] = []
        self.served: list[RecordingProtocol] = []
        self.keys: list[str] = []
        """What those were counted under who were upgraded."""
        self._upgrades = upgrades
        self.timer = Stopwatch()
        self.read_scheduler = ReadScheduler(self.timer)
        self.acceptor = Acceptor(
            *(
                self.admission,
                self._upgrade,
                self._answer,
                ("/ws",),
                self._serve,
                self.counters,
                self.buffers,
                self.read_scheduler,
            ),
            timeout_s=TIMEOUT_S,
            most=most,
        )

    def connect(self, peer: str = "192.0.2.1") -> RecordingTransport:
        return RecordingTransport(self.acceptor(), peer)

    @property
    def counted(self) -> int:
        """Addresses with somebody here."""
        return len(self.admission._addresses)

    def _upgrade(self, _message: RawRequestMessage, pending: PendingHandshake) -> asyncio.Protocol | None:
        if not self._upgrades:
            return None
        if pending.hand_over():
            self.keys.append(pending.payer or "")
        self.upgraded.append(RecordingProtocol())
        return self.upgraded[-1]

    def _answer(self, message: RawRequestMessage, address: str) -> bytes:
        return f"{address} asks {message.method} {message.path}".encode()

    def _serve(self) -> asyncio.Protocol:
        self.served.append(RecordingProtocol())
        return self.served[-1]


def virtually(main: Coroutine[Any, Any, None]) -> None:
    """Run a test on the virtual clock."""
    run_virtual(main)


def test_a_handshake_in_any_pieces_is_upgraded() -> None:
    """A handshake in any pieces becomes one client, which gets exactly the bytes behind the head."""

    async def main() -> None:
        rng = random.Random(1)
        for _ in range(50):
            hall = Hall()
            transport = hall.connect()
            stream = HANDSHAKE + b"\x81\x80frames"
            cuts = sorted(rng.sample(range(1, len(stream)), rng.randint(1, 8)))
            for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
                transport.receive(stream[start:end])
            [protocol] = hall.upgraded
            assert protocol is transport.protocol
            assert b"\x81\x80frames" == protocol.data
            assert ([], 0) == (hall.served, len(hall.acceptor))

    virtually(main())


def test_a_handshake_byte_by_byte_is_upgraded_once_it_is_whole() -> None:
    """A handshake byte by byte is upgraded with its last byte, not before."""

    async def main() -> None:
        hall = Hall()
        transport = hall.connect()
        for byte in HANDSHAKE[:-1]:
            transport.receive(bytes((byte,)))
        assert ([], 1) == (hall.upgraded, len(hall.acceptor))
        transport.receive(HANDSHAKE[-1:])
        assert (1, 0) == (len(hall.upgraded), len(hall.acceptor))

    virtually(main())


def test_an_empty_line_before_a_request_is_overlooked() -> None:
    """An empty line before a request is skipped, in any pieces (RFC 9112, section 2.2)."""

    async def main() -> None:
        hall = Hall()
        transport = hall.connect()
        transport.receive(b"\r")
        transport.receive(b"\n")
        assert ([], 1) == (hall.served, len(hall.acceptor))
        transport.receive(HANDSHAKE)
        assert 1 == len(hall.upgraded)

    virtually(main())


def test_who_is_slow_with_a_head_is_cut_off() -> None:
    """A slow head is cut off exactly at the timeout, even if bytes trickle in; a head in time is not."""

    async def main() -> None:
        hall = Hall()
        silent, slow = hall.connect(), hall.connect()
        await asyncio.sleep(TIMEOUT_S / 2)
        later, quick, plain = hall.connect(), hall.connect(), hall.connect()
        quick.receive(HANDSHAKE)
        plain.receive(REQUEST)
        for byte in HANDSHAKE[:4]:
            slow.receive(bytes((byte,)))
            await asyncio.sleep(TIMEOUT_S / 2 / 5)
        assert not silent.aborted
        assert not slow.aborted
        await asyncio.sleep(TIMEOUT_S / 2 / 5 + 0.001)
        assert (True, True, False) == (silent.aborted, slow.aborted, later.aborted)
        await asyncio.sleep(TIMEOUT_S / 2)
        assert later.aborted
        assert (False, False) == (quick.aborted, plain.aborted)
        assert (3, 0) == (hall.counters.handshakes_cut_off, len(hall.acceptor))

    virtually(main())


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize("line", [b"X: " + b"x" * MAX_HEAD_BYTES, b"X: x\r\n" * MAX_FIELDS], ids=["long", "many"])
def test_a_head_that_is_too_large_is_refused_where_later_ones_are(pieces: int, line: bytes) -> None:
    """A too large head is passed on unchanged, and refused like later ones, whole or in pieces."""

    async def main() -> None:
        hall = Hall()
        transport = hall.connect()
        stream = HANDSHAKE[:-2] + line + b"\r\n\r\n"
        size = len(stream) // pieces + 1
        for start in range(0, len(stream), size):
            transport.receive(stream[start : start + size])
        assert ([], [stream], 0) == (hall.upgraded, [one.data for one in hall.served], len(hall.acceptor))

    virtually(main())


def test_a_head_that_is_too_large_is_not_waited_for() -> None:
    """A head that cannot end within the limit is refused before its end."""

    async def main() -> None:
        hall = Hall()
        transport = hall.connect()
        transport.receive(HANDSHAKE[:-2] + b"X: ".ljust(MAX_HEAD_BYTES, b"x"))
        assert 1 == len(hall.served)

    virtually(main())


def test_upgrade_headers_are_lists() -> None:
    """The upgrade headers are lists, in one line or several; a part of a word is no element."""

    async def main() -> None:
        plain = b"Upgrade: websocket\r\nConnection: Upgrade"
        for lines, is_handshake in (
            (b"Upgrade: h2c, WebSocket\r\nConnection: keep-alive ,Upgrade", True),
            (b"Upgrade: h2c\r\nConnection: keep-alive\r\nUpgrade: websocket\r\nConnection: upgrade", True),
            (b"Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: ,Upgrade,", True),
            (b"Upgrade: websockets\r\nConnection: Upgrade", False),
            (b"Upgrade: websocket\r\nConnection: no-upgrade", False),
        ):
            hall = Hall()
            hall.connect().receive(HANDSHAKE.replace(plain, lines) + b"frames")
            assert [b"frames"] * is_handshake == [one.data for one in hall.upgraded], lines

    virtually(main())


def test_who_asks_too_often_hears_429_and_is_disconnected() -> None:
    """An address beyond its rate gets 429 unread and is disconnected; admitted handshakes do not count."""

    async def main() -> None:
        hall = Hall(max_request_rate_per_ip=1, max_connect_rate_per_ip=0)
        for _ in range(5):
            hall.connect().receive(HANDSHAKE)
        transports = [hall.connect() for _ in range(3)]
        for transport in transports:
            transport.receive(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (5, 2) == (len(hall.upgraded), len(hall.served))
        assert [False, False, True] == [transport.is_closing() for transport in transports]
        assert transports[2].written.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert b'"code":"requests"}' in transports[2].written
        assert {"requests": 1} == hall.counters.connections_refused

    virtually(main())


def test_a_head_just_within_the_limit_is_taken() -> None:
    """A head of exactly the limit is taken, with room for a token and a browser's headers."""

    async def main() -> None:
        hall = Hall()
        padding = MAX_HEAD_BYTES - len(HANDSHAKE) - len("Authorization: \r\n")
        head = HANDSHAKE[:-2] + b"Authorization: " + b"x" * padding + b"\r\n\r\n"
        hall.connect().receive(head)
        assert 1 == len(hall.upgraded)

    virtually(main())


@pytest.mark.parametrize(
    "head",
    [
        REQUEST,
        b"POST /v1/ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
        HANDSHAKE.replace(b"/ws", b"/wss"),
        HANDSHAKE.replace(b"/ws", b"//ws"),
        HANDSHAKE.replace(b"/ws", b"/ws/"),
        HANDSHAKE.replace(b"/ws", b"/%77s"),
        HANDSHAKE.replace(b"/ws", b"http://x/ws"),
        HANDSHAKE.replace(b"GET", b"HEAD"),
        HANDSHAKE.replace(b"GET", b"get"),
        HANDSHAKE.replace(b"Upgrade: websocket\r\n", b""),
        HANDSHAKE.replace(b"Host: x", b"Host: x\r\nHost: y"),
        HANDSHAKE.replace(b"Host: x\r\n", b""),
        HANDSHAKE.replace(b"GET /ws", b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\nGET /ws"),
        b"\x16\x03\x01\x02\x00\r\n\r\n",
    ],
)
def test_whatever_is_no_plain_handshake_is_aiohttps(head: bytes) -> None:
    """Anything except a plain handshake goes to aiohttp, unchanged, with all later bytes."""

    async def main() -> None:
        hall = Hall()
        transport = hall.connect()
        transport.receive(head)
        transport.receive(b"more")
        [protocol] = hall.served
        assert (head + b"more", transport) == (protocol.data, protocol.transport)
        assert ([], 0) == (hall.upgraded, len(hall.acceptor))

    virtually(main())


@pytest.mark.parametrize(("status", "is_served"), [(401, False), (429, False), (403, True), (426, True)])
def test_a_refusal_that_ends_the_connection_is_answered_at_once(status: int, is_served: bool) -> None:
    """A refusal that ends the connection is answered at once, without aiohttp, which answers the others."""

    async def main() -> None:
        hall = Hall(max_request_rate_per_ip=1)

        def refuse(_message: RawRequestMessage, pending: PendingHandshake) -> None:
            pending.refusal = RefusalError(status, "why", "so", {"X-More": "y"})

        hall.acceptor.upgrade = refuse
        transport = hall.connect()
        transport.receive(HANDSHAKE)
        assert (is_served, not is_served) == (bool(hall.served), transport.is_closing())
        if not is_served:
            assert transport.written.startswith(f"HTTP/1.1 {status} ".encode())
            assert b"X-More: y\r\n" in transport.written
            assert {"why": 1} == hall.counters.connections_refused

    virtually(main())


def test_a_handshake_that_must_wait_is_aiohttps() -> None:
    """If `upgrade` returns None, aiohttp gets the whole request."""

    async def main() -> None:
        hall = Hall(upgrades=False)
        hall.connect().receive(HANDSHAKE + b"frames")
        assert [HANDSHAKE + b"frames"] == [protocol.data for protocol in hall.served]

    virtually(main())


def test_aiohttp_hears_of_everything_that_happens_to_its_connection() -> None:
    """aiohttp gets all events of its connection: back-pressure, the client's EOF and the end."""

    async def main() -> None:
        hall = Hall()
        transport = hall.connect()
        pending = transport.protocol
        pending.pause_writing()
        pending.resume_writing()
        transport.receive(REQUEST)
        pending.pause_writing()
        pending.resume_writing()
        assert pending.eof_received()
        transport.hang_up()
        await asyncio.sleep(0)
        assert ["pause", "resume", "eof", "lost"] == hall.served[0].calls

    virtually(main())


def test_who_is_one_too_many_gets_429_and_nothing_of_it_is_looked_at() -> None:
    """A connection too many gets 429 with its first request, or after a moment without one, unless it is a probe."""

    async def main() -> None:
        hall = Hall(max_connections_per_ip=2)
        first, second, silent, head_parser, wrong = (hall.connect() for _ in range(5))
        head_parser.protocol.data_received(HANDSHAKE)
        wrong.protocol.data_received(b"\0")
        assert [True, True] == [one.written.startswith(b"HTTP/1.1 429 ") for one in (head_parser, wrong)]
        assert b"" == silent.written
        await asyncio.sleep(GRACE_S * 1.1)
        assert silent.written.startswith(b"HTTP/1.1 429 ")
        silent.protocol.data_received(HANDSHAKE)
        assert [b"", b""] == [bytes(one.written) for one in (first, second)]
        assert ([], []) == (hall.upgraded, hall.served)
        await asyncio.sleep(0)
        assert silent.lost
        assert head_parser.lost
        assert (3, 2) == (hall.counters.connections_refused["address"], hall.admission._addresses["192.0.2.1"])
        assert b"" == hall.connect("192.0.2.2").written

    virtually(main())


def test_a_balancer_may_ask_whether_we_live_although_its_clients_have_met_a_limit() -> None:
    """A balancer with its clients' address gets one probe answered although they met a limit, then the end."""

    async def main() -> None:
        hall = Hall(max_connections_per_ip=1)
        hall.connect()
        for path in (b"/readyz", b"/healthz"):
            probe = hall.connect()
            probe.receive(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n")
            assert b"192.0.2.1 asks GET " + path == probe.written
            assert probe.is_closing()
        assert ([], {}) == (hall.served, dict(hall.counters.connections_refused))
        wrong = hall.connect()
        wrong.receive(b"GET /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n")
        assert wrong.written.startswith(b"HTTP/1.1 429 ")
        many = [hall.connect() for _ in range(MOST_OF_ONE + 3)]
        assert [False] * MOST_OF_ONE + [True] * 3 == [bool(one.written) for one in many]
        many[0].hang_up()
        await asyncio.sleep(0)
        assert b"" == hall.connect().written
        assert (0, MOST_OF_ONE) == (len(hall.acceptor) - 1, len(hall.acceptor.grace))
        await asyncio.sleep(GRACE_S * 1.1)
        assert 0 == len(hall.acceptor.grace)

    virtually(main())


def test_so_many_probes_beyond_a_limit_are_answered_in_a_second() -> None:
    """Beyond a limit only a few probes a second are answered; further ones get 429, and other requests do not count."""

    async def main() -> None:
        hall = Hall(max_connections_per_ip=1)
        hall.connect()
        for _ in range(MOST_PER_S):
            hall.connect().receive(HANDSHAKE)
        probes = [hall.connect() for _ in range(MOST_OF_ONE)]
        for probe in probes:
            probe.receive(REQUEST)
        assert all(b"asks" in probe.written for probe in probes)
        for _ in range(MOST_PER_S):
            hall.connect().receive(REQUEST)
        late = hall.connect()
        late.receive(REQUEST)
        assert late.written.startswith(b"HTTP/1.1 429 ")
        await asyncio.sleep(1)
        later = hall.connect()
        later.receive(REQUEST)
        assert b"asks" in later.written

    virtually(main())


def test_a_flood_of_probes_beyond_a_limit_is_answered_in_turns() -> None:
    """A flood of probes is answered in turns of the usual size."""

    async def main() -> None:
        hall = Hall(max_connections_per_ip=1)
        hall.connect()

        def answer(_message: RawRequestMessage, _address: str) -> bytes:
            hall.timer.now += TURN_S / 4
            return b"alive"

        hall.acceptor.answer_probe = answer
        probes = [hall.connect() for _ in range(12)]
        for probe in probes:
            probe.receive(REQUEST)
        gone = hall.connect()
        gone.receive(REQUEST)
        gone.hang_up()
        assert (4, 0) == (sum(probe.written == b"alive" for probe in probes), len(hall.acceptor.grace))
        await asyncio.sleep(GRACE_S * 1.1)
        assert (12, b"") == (sum(probe.written == b"alive" for probe in probes), bytes(gone.written))
        assert (0, 1) == (len(hall.read_scheduler), len(hall.acceptor))

    virtually(main())


def test_an_address_is_free_again_however_its_connections_go() -> None:
    """However a connection ends, nothing of it is counted afterwards."""

    async def main() -> None:
        hall = Hall(most=5)
        gone, served, large, slow, last = (hall.connect(f"192.0.2.{number}") for number in range(5))
        assert 5 == hall.counted
        gone.hang_up()
        served.receive(REQUEST)
        await asyncio.sleep(0)
        assert 4 == hall.counted
        served.hang_up()
        large.receive(b"x" * MAX_HEAD_BYTES)
        large.hang_up()
        await asyncio.sleep(0)
        assert 2 == hall.counted
        await asyncio.sleep(TIMEOUT_S + 1)
        assert (True, True, 0) == (slow.aborted, last.aborted, hall.counted)
        at_the_end = hall.connect()
        hall.acceptor.close()
        await asyncio.sleep(0)
        assert (True, 0, 0) == (at_the_end.aborted, hall.counted, len(hall.acceptor))

    virtually(main())


def test_who_is_upgraded_is_counted_by_the_one_who_took_over() -> None:
    """An upgraded client is counted by its new owner: the pending handshake passes its count on once."""

    async def main() -> None:
        hall = Hall()
        transport = hall.connect()
        pending = transport.protocol
        assert isinstance(pending, PendingHandshake)
        transport.receive(HANDSHAKE)
        assert ["192.0.2.1"] == hall.keys
        assert not pending.hand_over()
        transport.hang_up()
        await asyncio.sleep(0)
        assert 1 == hall.counted
        hall.admission.depart(hall.keys[0])
        assert 0 == hall.counted

    virtually(main())


noise = st.binary(max_size=40)
near_handshakes = st.builds(
    lambda at, cut, junk: HANDSHAKE[: at % len(HANDSHAKE)] + junk + HANDSHAKE[(at % len(HANDSHAKE)) + cut :],
    st.integers(0, 1000),
    st.integers(0, 10),
    noise,
)


@given(st.lists(noise | near_handshakes | st.just(HANDSHAKE) | st.just(REQUEST), min_size=1, max_size=4))
def test_no_bytes_raise_or_leave_anything(parts: list[bytes]) -> None:
    """Any bytes are handled without an exception, and nothing is counted after the end."""

    async def main() -> None:
        hall = Hall()
        transport = hall.connect()
        for part in parts:
            transport.receive(part)
        assert len(hall.upgraded) + len(hall.served) + len(hall.acceptor) == 1
        transport.hang_up()
        await asyncio.sleep(0)
        for key in hall.keys:
            hall.admission.depart(key)
        assert (0, 0) == (hall.counted, len(hall.acceptor))

    virtually(main())


def test_a_fault_in_an_upgrade_leaves_nobody_waiting() -> None:
    """After a fault in an upgrade the connection is not among the unfinished ones any more."""

    async def main() -> None:
        hall = Hall()

        def broken(_message: RawRequestMessage, _pending: PendingHandshake) -> asyncio.Protocol | None:
            raise ZeroDivisionError

        hall.acceptor.upgrade = broken
        transport = hall.connect()
        with contextlib.suppress(ZeroDivisionError):
            transport.receive(HANDSHAKE)
        transport.hang_up()
        await asyncio.sleep(0)
        assert (0, 0) == (hall.counted, len(hall.acceptor))

    virtually(main())


def test_a_storm_of_handshakes_is_taken_in_turns() -> None:
    """Whole heads of a busy turn are decided in later turns, in order, with their later bytes."""

    async def main() -> None:
        hall = Hall()
        decide = hall.acceptor.upgrade

        def upgrade(message: RawRequestMessage, pending: PendingHandshake) -> asyncio.Protocol | None:
            hall.timer.now += TURN_S / 4
            return decide(message, pending)

        hall.acceptor.upgrade = upgrade
        transports = [hall.connect(f"192.0.2.{number}") for number in range(10)]
        for transport in transports:
            transport.receive(HANDSHAKE)
            transport.receive(b"more")
        assert (4, 6) == (len(hall.upgraded), len(hall.acceptor))
        for _ in range(5):
            await asyncio.sleep(0)
        assert [b"more"] * 10 == [protocol.data for protocol in hall.upgraded]
        assert [True] * 10 == [isinstance(transport.protocol, RecordingProtocol) for transport in transports]
        assert (0, 0) == (len(hall.acceptor), len(hall.read_scheduler))

    virtually(main())


def test_who_waits_for_us_is_not_slow() -> None:
    """A whole head that waits for us does not count as unfinished."""

    async def main() -> None:
        hall = Hall(most=1)
        assert hall.read_scheduler.begin()
        hall.timer.now += TURN_S
        hall.read_scheduler.end()
        transports = [hall.connect()]
        transports[0].receive(REQUEST)
        transports.append(hall.connect())
        assert 2 == len(hall.acceptor)
        await asyncio.sleep(0)
        assert [REQUEST] == [protocol.data for protocol in hall.served]
        assert not any(transport.aborted for transport in transports)

    virtually(main())


def test_who_goes_while_its_head_waits_is_forgotten() -> None:
    """A client that goes while its head waits is counted out; one with a fault is cut off."""

    async def main() -> None:
        hall = Hall()

        def broken(_message: RawRequestMessage, _pending: PendingHandshake) -> asyncio.Protocol | None:
            raise ZeroDivisionError

        hall.acceptor.upgrade = broken
        gone, unlucky = hall.connect(), hall.connect("192.0.2.2")
        assert hall.read_scheduler.begin()
        hall.timer.now += TURN_S
        hall.read_scheduler.end()
        gone.receive(REQUEST)
        unlucky.receive(HANDSHAKE)
        gone.hang_up()
        for _ in range(3):
            await asyncio.sleep(0)
        assert [] == hall.served
        assert unlucky.aborted
        assert (0, 0, 0) == (hall.counted, len(hall.acceptor), len(hall.read_scheduler))

    virtually(main())


def test_requests_that_are_not_whole_are_kept_within_the_budget_of_all() -> None:
    """Incomplete requests count for the common budget; the largest go first."""

    async def main() -> None:
        hall = Hall(budget=40_000)
        start = b"GET / HTTP/1.1\r\nX: "
        small = hall.connect()
        small.receive(start)
        many = [hall.connect() for _ in range(4)]
        for transport in many[:3]:
            transport.receive(start.ljust(13_000, b"x"))
        assert 39_000 + len(start) == hall.buffers.held_bytes()
        many[3].receive(start.ljust(13_000, b"x"))
        await asyncio.sleep(0)
        assert 2 == sum(transport.lost for transport in many)
        assert not small.lost
        assert {"budget": 2} == hall.counters.buffers_cut_off
        small.receive(b"\r\n\r\n")
        assert 26_000 == hall.buffers.held_bytes()
        for transport in many:
            transport.hang_up()
        await asyncio.sleep(0)
        assert (0, 0) == (hall.buffers.held_bytes(), len(hall.buffers))

    virtually(main())
