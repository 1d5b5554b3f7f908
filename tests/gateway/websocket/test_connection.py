"""One socket's writes, reads, lag and end, with a transport that the test controls."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.metrics.counters import Counters
from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.buffers import QUEUE_LIMIT_BYTES, Buffers
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.closing_handshake import CLOSE_TIMEOUT_S, LATE_FRAMES, QUIET_BEFORE_CLOSE_S
from gateway.websocket.connection import Connection
from gateway.websocket.framing.parser import MessageVerdict
from gateway.websocket.read_scheduler import TURN_S, ReadScheduler
from gateway.websocket.writer import CORK_LIMIT_BYTES
from tests.client_frames import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT, client_frame, close_payload
from tests.fakes import Stopwatch, run_virtual
from tests.gateway.transports import RecordingTransport

UNREAD_S, MESSAGE_S, BUDGET = 10.0, 5.0, 8 * 1024 * 1024


class StubbornTransport(asyncio.Transport):
    """Keeps written data; the test sets how much is waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.written: list[bytes] = []
        self.aborted = self.closed = False
        self.reading = True

    def pause_reading(self) -> None:
        assert not self.is_closing()
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.is_closing()
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Its protocol is notified of every byte that waits."""
        assert 0 == high

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


class RecordingListener:
    """Keeps all calls; raises if the test wants it."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, bytes]] = []
        self.frames = self.lost = 0
        self.answered: list[int] = []
        self.heartbeats: list[int] = []
        self.code: Exception | None = None
        self.due: list[int] = []
        self.admission: MessageVerdict = "ok"

    @property
    def payer(self) -> str | None:
        return None

    def message_due(self, compressed: int) -> MessageVerdict:
        self.due.append(compressed)
        return self.admission

    def message_received(self, opcode: int, data: bytes) -> None:
        if self.code:
            raise self.code
        self.messages.append((opcode, data))

    def frame_received(self, _opcode: int) -> None:
        self.frames += 1

    def ping_answered(self, number: int) -> bool:
        self.answered.append(number)
        return number < 100

    def heartbeat_answered(self, number: int, took_s: float) -> None:
        self.heartbeats.append(number)

    def connection_lost(self) -> None:
        self.lost += 1


class Setup:
    """A connection between a transport and a listener that record."""

    def __init__(self, max_message_bytes: int = 1000) -> None:
        self.transport = StubbornTransport()
        self.counters = Counters()
        self.listener = RecordingListener()
        self.buffers = Buffers(self.counters, Bounds(UNREAD_S, MESSAGE_S, BUDGET))
        self.timer = Stopwatch()
        self.read_scheduler = ReadScheduler(self.timer)
        self.connection = Connection(
            "c-1", self.transport, "json", self.buffers, self.read_scheduler, self.listener, max_message_bytes
        )

    def wait(self, size: int) -> None:
        """The kernel takes nothing, and this many bytes wait; 0 lets it drain."""
        self.transport.waiting = size
        if size:
            self.connection.pause_writing()
        else:
            self.connection.resume_writing()

    def receive(self, first: int, data: bytes = b"") -> None:
        """A client's frame with ``first`` for its first byte."""
        self.connection.data_received(client_frame(first, data))


@pytest.fixture
async def setup() -> Setup:
    """Make a connection inside the event loop."""
    return Setup()


def test_data_is_written_while_nothing_waits(setup: Setup) -> None:
    """If the kernel has refused anything, `send` returns False and writes nothing."""
    assert setup.connection.send(b"one")
    setup.wait(1)
    assert not setup.connection.send(b"two")
    assert [b"one"] == setup.transport.written


def test_answers_to_one_read_go_out_in_one_piece(setup: Setup) -> None:
    """Writes during the handling of messages are joined, up to a bound."""

    def answer(opcode: int, data: bytes) -> None:
        setup.connection.reply(data)
        setup.connection.send(data)

    setup.listener.message_received = answer  # type: ignore[method-assign] # the fake answers
    setup.receive(FIN | TEXT, b"abc")
    assert [b"abcabc"] == setup.transport.written
    setup.connection.data_received(client_frame(FIN | TEXT, b"x" * 900) * 100)
    assert 2 * 100 * 900 == sum(map(len, setup.transport.written[1:]))
    assert max(map(len, setup.transport.written)) < CORK_LIMIT_BYTES + 900


def test_drained_means_nothing_waits(setup: Setup) -> None:
    """A connection has drained when the kernel has taken everything."""
    assert setup.connection.drained
    setup.wait(1)
    assert not setup.connection.drained


def test_replies_go_out_though_data_does_not(setup: Setup) -> None:
    """A lagging client still gets its replies, up to a bound; beyond it the client is cut off."""
    setup.wait(1)
    setup.connection.reply(b"answer")
    assert [b"answer"] == setup.transport.written
    setup.wait(QUEUE_LIMIT_BYTES + 1)
    setup.connection.reply(b"one too many")
    assert [b"answer"] == setup.transport.written
    assert setup.transport.aborted
    assert 1 == setup.counters.aborted


async def test_every_tick_is_queued_until_the_bound_and_then_4408(setup: Setup) -> None:
    """A client that wants every tick and cannot keep up is closed once, and nothing more is written."""
    setup.wait(QUEUE_LIMIT_BYTES)
    setup.connection.enqueue(b"tick")
    setup.wait(QUEUE_LIMIT_BYTES + 1)
    setup.connection.enqueue(b"tock")
    setup.connection.enqueue(b"tack")
    [tick, close] = setup.transport.written
    assert b"tick" == tick
    assert (4408).to_bytes(2) == close[2:4]
    assert {"TOO_SLOW": 1} == setup.counters.closed


async def test_nothing_follows_the_close_frame(setup: Setup) -> None:
    """During a close data and replies are dropped, input is not read, and the first reason stays."""
    setup.connection.close(CloseReason.DRAIN)
    setup.connection.close(CloseReason.TOO_SLOW)
    assert setup.connection.send(b"data")
    setup.connection.enqueue(b"data")
    setup.connection.reply(b"reply")
    setup.receive(FIN | TEXT, b"late")
    setup.receive(FIN | 0x3)
    assert [(1012).to_bytes(2)] == [frame[2:4] for frame in setup.transport.written]
    assert [] == setup.listener.messages
    assert {"DRAIN": 1} == setup.counters.closed


async def test_messages_come_whole(setup: Setup) -> None:
    """Fragments and pieces of frames are put together; text and binary are told apart."""
    for piece in client_frame(FIN | TEXT, b"hello"):
        setup.connection.data_received(bytes((piece,)))
    setup.receive(BINARY, b"wor")
    setup.receive(FIN | PING, b"in between")
    setup.receive(FIN | CONTINUATION, b"ld")
    assert [(TEXT, b"hello"), (BINARY, b"world")] == setup.listener.messages


async def test_whoever_counts_frames_hears_of_those_that_are_no_messages(setup: Setup) -> None:
    """Pings, pongs and incomplete fragments are reported one by one; a message only as a message."""
    stream = client_frame(TEXT) + client_frame(CONTINUATION) * 3 + client_frame(FIN | PING) + client_frame(FIN | PONG)
    setup.connection.data_received(stream + client_frame(FIN | CONTINUATION, b"done"))
    assert (6, [(TEXT, b"done")]) == (setup.listener.frames, setup.listener.messages)


async def test_pings_are_answered_and_pongs_are_life(setup: Setup) -> None:
    """A ping's payload comes back in a pong; our own ping has a number."""
    setup.receive(FIN | PING, b"abc")
    setup.connection.ping(5, now=0.0)
    assert [b"\x8a\x03abc", b"\x89\x06\0\0\0\0\0\5"] == setup.transport.written
    setup.connection.received = False
    setup.receive(FIN | PONG)
    assert setup.connection.received


async def test_a_clients_close_is_echoed_and_the_socket_closed(setup: Setup) -> None:
    """The code comes back, and the transport is closed when it has drained; later input is not read."""
    setup.connection.data_received(
        client_frame(FIN | CLOSE, close_payload(1001, b"bye")) + client_frame(FIN | TEXT, b"late")
    )
    assert [b"\x88\x02" + (1001).to_bytes(2)] == setup.transport.written
    assert setup.transport.closed
    assert setup.connection.left
    assert "left with 1001" == setup.connection.end
    assert [] == setup.listener.messages


async def test_after_a_close_frame_only_the_peers_is_waited_for(setup: Setup) -> None:
    """After our close frame the peer's messages are skipped, unanswered, up to its own close frame."""
    setup.connection.close(CloseReason.DRAIN)
    setup.receive(FIN | TEXT, b"late")
    setup.receive(FIN | PING, b"late")
    assert not setup.transport.closed
    setup.receive(FIN | CLOSE, close_payload(1012))
    assert setup.transport.closed
    assert 1 == len(setup.transport.written)
    assert [] == setup.listener.messages


@pytest.mark.parametrize(
    "late",
    [bytes(100_000), client_frame(FIN | PING) * (LATE_FRAMES + 1)],
    ids=["noise", "a flood"],
)
def test_who_is_not_listened_to_is_closed_once_quiet(late: bytes) -> None:
    """Noise and floods after our close frame are discarded, also the peer's close frame among them."""

    async def main() -> None:
        setup = Setup()
        setup.connection.close(CloseReason.DRAIN)
        for _ in range(3):
            await asyncio.sleep(QUIET_BEFORE_CLOSE_S * 0.9)
            setup.connection.data_received(late + client_frame(FIN | CLOSE))
            assert not setup.transport.closed
        assert 1 == len(setup.transport.written)
        assert {"DRAIN": 1} == setup.counters.closed
        assert 0 == setup.listener.frames
        await asyncio.sleep(QUIET_BEFORE_CLOSE_S * 1.1)
        assert setup.transport.closed

    run_virtual(main())


def test_a_closing_handshake_that_hangs_is_ended_by_force() -> None:
    """A client that does not answer the close frame in time is cut off; one that does leaves no timer."""

    async def main() -> None:
        mute, polite = Setup(), Setup()
        for setup in (mute, polite):
            setup.connection.close(CloseReason.DRAIN)
        polite.connection.connection_lost(None)
        await asyncio.sleep(CLOSE_TIMEOUT_S - 0.1)
        assert not mute.transport.aborted
        await asyncio.sleep(0.2)
        assert mute.transport.aborted
        assert not polite.transport.aborted
        assert 1 == polite.listener.lost

    run_virtual(main())


@pytest.mark.parametrize(
    ("stream", "code", "name"),
    [
        (client_frame(FIN | 0x3), 1002, "PROTOCOL_ERROR"),
        (client_frame(FIN | TEXT, b"hello", key=None), 1002, "PROTOCOL_ERROR"),
        (client_frame(FIN | RSV1 | TEXT), 1002, "PROTOCOL_ERROR"),
        (client_frame(FIN | TEXT, b"\xff"), 1007, "INVALID_DATA"),
        (client_frame(FIN | TEXT, b"x" * 1001), 1009, "TOO_BIG"),
    ],
)
async def test_what_is_not_websocket_closes_by_its_code(setup: Setup, stream: bytes, code: int, name: str) -> None:
    """A client that breaks the protocol gets the reason, after earlier answers, and is not read again."""
    good = client_frame(FIN | PING, b"before")
    setup.connection.data_received(good + stream + good)
    setup.connection.data_received(good)
    [pong, close] = setup.transport.written
    assert b"\x8a\x06before" == pong
    assert code.to_bytes(2) == close[2:4]
    assert len(close) > 10
    assert not setup.transport.closed
    assert {name: 1} == setup.counters.closed
    assert not setup.connection.left


async def test_a_fault_of_our_own_closes_only_that_connection(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    """If handling a message raises, its client gets 1011, the log the error, and the event loop nothing."""
    setup.listener.code = ZeroDivisionError("a bug")
    setup.connection.data_received(client_frame(FIN | TEXT, b"hello") * 2)
    [close] = setup.transport.written
    assert (1011).to_bytes(2) == close[2:4]
    assert b"bug" not in close
    assert {"INTERNAL_ERROR": 1} == setup.counters.closed
    [record] = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is setup.listener.code


@pytest.mark.parametrize(
    "end",
    [
        lambda connection: connection.close(CloseReason.TOO_MANY_ERRORS),
        lambda connection: connection.abort("does not read its replies"),
    ],
    ids=["closed", "cut off"],
)
async def test_reading_ends_with_the_frame_that_ends_it(setup: Setup, end: Callable[[Connection], None]) -> None:
    """In one read nothing is handled after the message that closes or cuts off the client."""
    handled = []

    def handle(opcode: int, data: bytes) -> None:
        handled.append(data)
        end(setup.connection)

    setup.listener.message_received = handle  # type: ignore[method-assign] # the fake answers
    setup.connection.data_received(client_frame(FIN | TEXT, b"one") * 1000)
    assert [b"one"] == handled


async def test_a_cut_is_counted_once(setup: Setup) -> None:
    """Cutting off twice is cutting off once, and nothing is written afterwards."""
    setup.connection.abort("lagged too long")
    setup.connection.abort("no answer to a ping")
    setup.connection.close(CloseReason.DRAIN)
    setup.connection.reply(b"late")
    assert 1 == setup.counters.aborted
    assert {} == setup.counters.closed
    assert [] == setup.transport.written
    assert "cut off, lagged too long" == setup.connection.end


def test_who_does_not_read_is_cut_off_whatever_it_does_else() -> None:
    """A client that does not read is cut off, even if it holds no symbol, sends all the time or is being closed."""

    async def main() -> None:
        mute, talking, closing = Setup(), Setup(), Setup()
        for setup in (mute, talking, closing):
            setup.wait(1000)
        for _ in range(int(UNREAD_S)):
            talking.receive(FIN | PING, b"x")
            await asyncio.sleep(0.99)
        closing.connection.close(CloseReason.AUTH_TIMEOUT)
        closing.transport.close()
        assert not any(setup.transport.aborted for setup in (mute, talking, closing))
        await asyncio.sleep(0.5)
        assert all(setup.transport.aborted for setup in (mute, talking, closing))
        assert 3 == mute.counters.buffers_cut_off["unread"] * 3
        assert "cut off, does not read" == mute.connection.end

    run_virtual(main())


def test_who_wants_every_tick_must_read_in_time_too() -> None:
    """Queued ticks that are not read in time end the connection, even if they are few."""

    async def main() -> None:
        stalled, slow = Setup(), Setup()
        for setup in (stalled, slow):
            setup.wait(100)
        for _ in range(25):
            for setup in (stalled, slow):
                setup.connection.enqueue(b"x" * 100)
                setup.transport.waiting += 100
            slow.transport.waiting -= 100
            await asyncio.sleep(1)
        assert [True, False] == [setup.transport.aborted for setup in (stalled, slow)]

    run_virtual(main())


def test_what_waited_before_a_connection_was_ours_is_no_different() -> None:
    """Bytes that waited in the transport before we took it over have the same time, and may drain unnoticed."""

    async def main() -> None:
        transports = [StubbornTransport(), StubbornTransport()]
        counters = Counters()
        buffers = Buffers(counters, Bounds(UNREAD_S, MESSAGE_S, 0))
        for transport in transports:
            transport.waiting = 100
            Connection("c-1", transport, "json", buffers, ReadScheduler(Stopwatch()), RecordingListener(), 1000)
        transports[0].waiting = 0
        await asyncio.sleep(UNREAD_S + 1)
        assert [False, True] == [transport.aborted for transport in transports]

    run_virtual(main())


@pytest.mark.parametrize(
    "begin",
    [
        client_frame(FIN | TEXT, b"hello")[:1],
        client_frame(FIN | TEXT, b"x" * 200)[:9],
        client_frame(FIN | TEXT, b"hello")[:-1],
        client_frame(TEXT, b"first of many"),
        client_frame(TEXT, b"first") + client_frame(CONTINUATION, b"second")[:-1],
        client_frame(FIN | PING, b"hello")[:-1],
    ],
    ids=["one byte", "a header", "a frame", "a fragment", "a fragment and a half", "a ping"],
)
def test_what_is_begun_must_be_finished_in_time(begin: bytes) -> None:
    """An unfinished message or frame is closed with 4408, and later input is discarded."""

    async def main() -> None:
        setup = Setup()
        setup.connection.data_received(begin)
        await asyncio.sleep(MESSAGE_S - 0.1)
        assert [] == setup.transport.written
        await asyncio.sleep(0.4)
        [close] = setup.transport.written
        assert (4408).to_bytes(2) == close[2:4]
        assert {"UNFINISHED": 1} == setup.counters.closed
        setup.connection.data_received(b"more")
        await asyncio.sleep(QUIET_BEFORE_CLOSE_S * 1.1)
        assert setup.transport.closed
        assert 0 == setup.buffers.held_bytes()

    run_virtual(main())


def test_pings_in_a_message_give_it_no_time() -> None:
    """Pings in a message are answered, and the message is late all the same."""

    async def main() -> None:
        setup = Setup()
        setup.receive(TEXT, b"first")
        for _ in range(int(MESSAGE_S * 2)):
            setup.receive(FIN | PING)
            await asyncio.sleep(0.49)
        assert {} == setup.counters.closed
        await asyncio.sleep(0.5)
        assert {"UNFINISHED": 1} == setup.counters.closed

    run_virtual(main())


def test_messages_that_are_finished_in_time_may_come_in_pieces_for_ever() -> None:
    """Messages that are finished in time may always end a read in the middle of the next one."""

    async def main() -> None:
        setup = Setup()
        stream = (client_frame(TEXT, b"one") + client_frame(FIN | CONTINUATION, b"two")) * 100
        for at in range(0, len(stream), 11):
            setup.connection.data_received(stream[at : at + 11])
            await asyncio.sleep(1)
        assert [(TEXT, b"onetwo")] * 100 == setup.listener.messages
        assert {} == setup.counters.closed
        assert 0 == len(setup.buffers)

    run_virtual(main())


def test_answers_that_wait_have_a_bound_of_their_own() -> None:
    """A client with unread answers is cut off long before one with unread notices."""

    async def main() -> None:
        asking, told = Setup(), Setup()
        asking.listener.message_received = lambda opcode, data: asking.connection.reply(data)  # type: ignore[method-assign] # the fake answers
        for setup in (asking, told):
            setup.wait(1)
        for _ in range(100):
            asking.receive(FIN | TEXT, b"x" * 900)
            told.connection.reply(b"x" * 900)
            for setup in (asking, told):
                setup.transport.waiting += 900
        await asyncio.sleep(2)
        assert [True, False] == [setup.transport.aborted for setup in (asking, told)]
        assert "cut off, does not read its replies" == asking.connection.end

    run_virtual(main())


async def test_answers_to_one_read_wait_in_one_piece(setup: Setup) -> None:
    """Waiting answers to one read are joined into one piece, because each piece costs a kilobyte."""
    setup.wait(1)
    setup.listener.message_received = lambda opcode, data: setup.connection.reply(data)  # type: ignore[method-assign] # the fake answers
    setup.connection.data_received(client_frame(FIN | TEXT, b"x") * 1000)
    assert [b"x" * 1000] == setup.transport.written


async def test_nothing_is_kept_of_what_breaks_the_protocol(setup: Setup) -> None:
    """Nothing is kept of a half message after a violation."""
    setup.receive(TEXT, b"x" * 900)
    assert 900 == setup.buffers.held_bytes()
    setup.receive(FIN | TEXT, b"a message inside of a message")
    assert 0 == setup.buffers.held_bytes()


async def test_the_listener_is_asked_before_a_message_is_read(setup: Setup) -> None:
    """A message that the listener refuses is not passed on; during a close it is not asked."""
    setup.listener.admission = "drop"
    setup.connection.data_received(client_frame(FIN | TEXT, b"\xff") + client_frame(FIN | PING))
    assert ([0], [], 1) == (setup.listener.due, setup.listener.messages, setup.listener.frames)
    setup.connection.close(CloseReason.TOO_MANY_MESSAGES)
    setup.connection.data_received(client_frame(FIN | TEXT, b"\xff"))
    assert [0] == setup.listener.due
    assert setup.connection.end.startswith("closed with 4429")


async def test_a_pong_to_what_was_asked_costs_nothing(setup: Setup) -> None:
    """A pong to a numbered ping costs nothing; any other, or a second one, counts as a frame."""
    numbered = client_frame(FIN | PONG, (7).to_bytes(6))
    setup.connection.data_received(numbered)
    setup.connection.data_received(numbered[:5])
    setup.connection.data_received(numbered[5:])
    setup.connection.data_received(2 * numbered)
    assert ([7] * 4, 0) == (setup.listener.answered, setup.listener.frames)
    setup.receive(FIN | PONG)
    assert ([], 1) == (setup.listener.heartbeats, setup.listener.frames)
    setup.connection.ping(500, now=0.0)
    for _ in range(2):
        setup.receive(FIN | PONG, (500).to_bytes(6))
    assert ([500], 2) == (setup.listener.heartbeats, setup.listener.frames)
    setup.receive(FIN | PONG, (1_000).to_bytes(6))
    assert 3 == setup.listener.frames


@pytest.mark.parametrize("payload", [b"", b"keep-alive", (8).to_bytes(6)])
async def test_a_pong_that_nobody_asked_for_answers_nothing(setup: Setup, payload: bytes) -> None:
    """An unasked pong answers nothing: some clients send them as a heartbeat (RFC 6455, section 5.5.3)."""
    setup.connection.ping(9, now=0.0)
    setup.receive(FIN | PONG, payload)
    assert ([], math.inf) == (setup.listener.heartbeats, setup.connection.rtt_s)
    setup.receive(FIN | PONG, (9).to_bytes(6))
    assert [9] == setup.listener.heartbeats


async def test_the_heartbeat_may_be_answered_after_other_signs_of_life(setup: Setup) -> None:
    """A late answer to the heartbeat shows how far the client has read, after any other signs of life."""
    setup.connection.ping(9, now=0.0)
    setup.connection.asked = False
    setup.receive(FIN | PING)
    setup.receive(FIN | PONG, (9).to_bytes(6))
    assert [9] == setup.listener.heartbeats


async def test_a_pong_inside_of_a_message_is_one(setup: Setup) -> None:
    """A pong between fragments counts, and the fragments make the message."""
    setup.receive(TEXT, b"one")
    setup.receive(FIN | PONG, (7).to_bytes(6))
    setup.receive(FIN | CONTINUATION, b"two")
    assert ([7], [(TEXT, b"onetwo")]) == (setup.listener.answered, setup.listener.messages)
    begun = client_frame(FIN | TEXT, b"hello")
    setup.connection.data_received(begun[:3])
    setup.connection.data_received(begun[3:] + client_frame(FIN | PONG, (8).to_bytes(6)))
    assert ([7, 8], (TEXT, b"hello")) == (setup.listener.answered, setup.listener.messages[-1])


class Busy:
    """Connections with slow messages, over transports that can be paused."""

    def __init__(self, count: int = 1, job_s: float = TURN_S / 4) -> None:
        self.watch = Stopwatch()
        self.read_scheduler = ReadScheduler(self.watch)
        self.buffers = Buffers(Counters(), Bounds(UNREAD_S, MESSAGE_S, BUDGET))
        self.listeners = [RecordingListener() for _ in range(count)]
        self.transports = [RecordingTransport() for _ in range(count)]
        self.connections = [
            Connection(f"c-{number}", transport, "json", self.buffers, self.read_scheduler, listener, 1000)
            for number, (transport, listener) in enumerate(zip(self.transports, self.listeners, strict=True))
        ]
        for listener, connection, transport in zip(self.listeners, self.connections, self.transports, strict=True):
            listener.message_received = self.job(listener, job_s)  # type: ignore[method-assign, assignment] # it takes time
            transport.set_protocol(connection)

    def job(self, listener: RecordingListener, job_s: float) -> Callable[[int, bytes], None]:
        def message_received(opcode: int, data: bytes) -> None:
            listener.messages.append((opcode, data))
            self.watch.now += job_s

        return message_received

    def keep_busy(self) -> None:
        """Spend all the time of this turn."""
        assert self.read_scheduler.begin()
        self.watch.now += TURN_S
        self.read_scheduler.end()

    def received(self, which: int = 0) -> list[bytes]:
        return [data for _, data in self.listeners[which].messages]


async def test_messages_beyond_a_turn_are_read_in_the_next() -> None:
    """Messages beyond a turn are kept, no more is read meanwhile, and all come in order."""
    busy = Busy()
    [connection], [transport] = busy.connections, busy.transports
    words = [b"%d" % number for number in range(10)]
    stream = b"".join(client_frame(FIN | TEXT, word) for word in words)
    transport.receive(stream)
    assert words[:4] == busy.received()
    assert connection.has_unread
    assert len(stream) * 6 // 10 == busy.buffers.held_bytes()
    transport.receive(client_frame(FIN | TEXT, b"more"))
    while connection in busy.read_scheduler:
        assert len(busy.received()) < 10
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [*words, b"more"] == busy.received()
    await asyncio.sleep(0)
    assert not connection.has_unread
    assert 0 == busy.buffers.held_bytes()


async def test_who_comes_in_a_busy_turn_is_heard_in_the_next() -> None:
    """A client of a busy turn has its ping and close frame answered in the next one, in order."""
    busy = Busy()
    [transport] = busy.transports
    busy.keep_busy()
    transport.receive(client_frame(FIN | PING, b"?") + client_frame(FIN | CLOSE, close_payload(1001)))
    assert b"" == transport.written
    await asyncio.sleep(0)
    assert b"\x8a\x01?\x88\x02" + (1001).to_bytes(2) == transport.written
    assert transport.is_closing()


async def test_pongs_that_bring_on_work_are_heard_in_turns() -> None:
    """Of many pongs that bring on work only as many are handled as fit into a turn; none is lost."""
    busy = Busy(20)

    def ping_answered(number: int) -> bool:
        busy.listeners[number].answered.append(number)
        busy.watch.now += TURN_S / 4
        return True

    for number, (listener, transport) in enumerate(zip(busy.listeners, busy.transports, strict=True)):
        listener.ping_answered = ping_answered  # type: ignore[method-assign]
        transport.receive(client_frame(FIN | PONG, number.to_bytes(6)))
    assert 4 == sum(len(listener.answered) for listener in busy.listeners)
    while len(busy.read_scheduler):
        before = sum(len(listener.answered) for listener in busy.listeners)
        await asyncio.sleep(0)
        assert sum(len(listener.answered) for listener in busy.listeners) - before <= 5
    assert [[number] for number in range(20)] == [listener.answered for listener in busy.listeners]
    assert 0 == sum(listener.frames for listener in busy.listeners)


async def test_who_goes_while_it_waits_is_forgotten() -> None:
    """Of a client that goes while it waits nothing is read or kept."""
    busy = Busy()
    [connection], [transport] = busy.connections, busy.transports
    busy.keep_busy()
    transport.receive(client_frame(FIN | TEXT, b"one"))
    assert 1 == len(busy.read_scheduler)
    transport.hang_up()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert connection not in busy.read_scheduler
    assert ([], 0) == (busy.received(), busy.buffers.held_bytes())


async def test_who_is_cut_off_while_it_waits_reads_no_more() -> None:
    """Its socket is not touched again when it is resumed."""
    busy = Busy()
    [connection], [transport] = busy.connections, busy.transports
    busy.keep_busy()
    transport.receive(client_frame(FIN | TEXT, b"one"))
    connection.abort("enough")
    connection.resume()
    assert [] == busy.received()


async def test_a_close_of_ours_overtakes_what_waits() -> None:
    """After our close frame waiting messages are not read, but the peer's close frame is."""
    busy = Busy()
    [connection], [transport] = busy.connections, busy.transports
    busy.keep_busy()
    transport.receive(client_frame(FIN | TEXT, b"one") + client_frame(FIN | CLOSE, close_payload(1012)))
    connection.close(CloseReason.DRAIN)
    await asyncio.sleep(0)
    assert [] == busy.received()
    assert transport.is_closing()


def test_an_unfinished_message_is_not_late_while_its_end_waits_for_us() -> None:
    """A message that was sent in time is read completely, however busy we are."""

    async def main() -> None:
        busy = Busy()
        [transport] = busy.transports
        frame = client_frame(FIN | TEXT, b"whole")
        transport.receive(frame[:3])
        await asyncio.sleep(MESSAGE_S - 0.1)
        busy.keep_busy()
        transport.receive(frame[3:])
        # A turn that takes long, for whatever reason.
        busy.buffers._now = lambda: MESSAGE_S + 1  # type: ignore[method-assign]
        busy.buffers.sweep()
        assert b"" == transport.written
        await asyncio.sleep(0)
        assert [b"whole"] == busy.received()
        assert b"" == transport.written

    run_virtual(main())


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 60), st.booleans()), max_size=30),
    st.sampled_from([0.0, TURN_S / 40, TURN_S / 3, 2 * TURN_S]),
)
def test_every_message_is_heard_once_and_in_order(steps: list[tuple[int, int, bool]], job_s: float) -> None:
    """Every message is handled once and in order, for any reads and any busy turns."""

    async def main() -> None:
        busy = Busy(4, job_s)
        streams = [b"".join(client_frame(FIN | TEXT, b"%d.%d" % (who, n)) for n in range(40)) for who in range(4)]
        for who, size, pause in steps:
            piece, streams[who] = streams[who][:size], streams[who][size:]
            if piece:
                busy.transports[who].receive(piece)
            if pause:
                await asyncio.sleep(0)
        for transport, stream in zip(busy.transports, streams, strict=True):
            if stream:
                transport.receive(stream)
        for _ in range(1000):
            await asyncio.sleep(0)
            if all(len(busy.received(who)) == 40 for who in range(4)):
                break
        for who in range(4):
            assert [b"%d.%d" % (who, n) for n in range(40)] == busy.received(who)
        await asyncio.sleep(0)
        assert (0, 0) == (len(busy.read_scheduler), busy.buffers.held_bytes())

    run_virtual(main())
