"""One socket's writes, reads, lag and end, against a transport that does as the test says."""

import asyncio
from typing import Any

import pytest
from aiohttp import WSMsgType
from websockets.frames import Frame, Opcode

from gateway.closing import Closing
from gateway.connection import CLOSE_TIMEOUT_S, CORK_LIMIT_BYTES, QUEUE_LIMIT_BYTES, Connection
from gateway.metrics import Counters
from tests.fakes import run_virtual


class StubbornTransport(asyncio.Transport):
    """Keeps what is written; says that as much is waiting as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.written: list[bytes] = []
        self.aborted = self.closed = self.paused = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Its protocol wants to hear of every byte that waits."""
        assert 0 == high

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True


class RecordingListener:
    """Keeps what it is told; raises when told to fail."""

    def __init__(self) -> None:
        self.messages: list[tuple[WSMsgType, bytes]] = []
        self.lost = 0
        self.fault: Exception | None = None

    def message_received(self, kind: WSMsgType, data: bytes) -> None:
        if self.fault:
            raise self.fault
        self.messages.append((kind, data))

    def connection_lost(self) -> None:
        self.lost += 1


class Setup:
    def __init__(self, max_message_bytes: int = 1000) -> None:
        self.transport = StubbornTransport()
        self.counters = Counters()
        self.listener = RecordingListener()
        self.connection = Connection("c-1", self.transport, "json", self.counters, self.listener, max_message_bytes)

    def wait(self, size: int) -> None:
        """The kernel takes nothing, and so much waits; 0 lets it drain."""
        self.transport.waiting = size
        if size:
            self.connection.pause_writing()
        else:
            self.connection.resume_writing()

    def receive(self, opcode: Opcode, data: bytes = b"", fin: bool = True) -> None:
        """A client's frame, masked as it must be."""
        self.connection.data_received(Frame(opcode, data, fin).serialize(mask=True))


@pytest.fixture
async def setup() -> Setup:
    return Setup()


def test_data_is_written_while_nothing_waits(setup: Setup) -> None:
    """Where the kernel has refused anything, the connection says that it lags, and writes nothing."""
    assert setup.connection.send(b"one")
    setup.wait(1)
    assert not setup.connection.send(b"two")
    assert [b"one"] == setup.transport.written


def test_answers_to_one_read_go_out_in_one_piece(setup: Setup) -> None:
    """What is written while messages are handled is put together, up to a bound."""

    def answer(_kind: WSMsgType, data: bytes) -> None:
        setup.connection.reply(data)
        setup.connection.send(data)

    setup.listener.message_received = answer  # type: ignore[method-assign]
    setup.receive(Opcode.TEXT, b"abc")
    assert [b"abcabc"] == setup.transport.written
    setup.connection.data_received(Frame(Opcode.TEXT, b"x" * 900).serialize(mask=True) * 100)
    assert 2 * 100 * 900 == sum(map(len, setup.transport.written[1:]))
    assert max(map(len, setup.transport.written)) < CORK_LIMIT_BYTES + 900


def test_drained_means_nothing_waits(setup: Setup) -> None:
    """A connection has drained when the kernel has taken everything."""
    assert setup.connection.drained
    setup.wait(1)
    assert not setup.connection.drained


def test_replies_go_out_though_data_does_not(setup: Setup) -> None:
    """A lagging client still gets its replies, up to a bound, past which it is cut off."""
    setup.wait(1)
    setup.connection.reply(b"answer")
    assert [b"answer"] == setup.transport.written
    setup.wait(QUEUE_LIMIT_BYTES + 1)
    setup.connection.reply(b"one too many")
    assert [b"answer"] == setup.transport.written
    assert setup.transport.aborted
    assert 1 == setup.counters.aborted


async def test_every_tick_is_queued_until_the_bound_and_then_4408(setup: Setup) -> None:
    """Who wants every tick and cannot keep up is closed, once, and written nothing more."""
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
    """Once closing, data and replies are dropped, messages ignored, and the first reason stands."""
    setup.connection.close(Closing.DRAIN)
    setup.connection.close(Closing.TOO_SLOW)
    assert setup.connection.send(b"data")
    setup.connection.enqueue(b"data")
    setup.connection.reply(b"reply")
    setup.receive(Opcode.TEXT, b"late")
    assert [(1012).to_bytes(2)] == [frame[2:4] for frame in setup.transport.written]
    assert [] == setup.listener.messages
    assert {"DRAIN": 1} == setup.counters.closed


async def test_messages_come_whole(setup: Setup) -> None:
    """Fragments and pieces of frames are put together; text and binary are told apart."""
    for piece in Frame(Opcode.TEXT, b"hello").serialize(mask=True):
        setup.connection.data_received(bytes((piece,)))
    setup.receive(Opcode.BINARY, b"wor", fin=False)
    setup.receive(Opcode.PING, b"in between")
    setup.receive(Opcode.CONT, b"ld")
    assert [(WSMsgType.TEXT, b"hello"), (WSMsgType.BINARY, b"world")] == setup.listener.messages


async def test_pings_are_answered_and_pongs_are_life(setup: Setup) -> None:
    """A ping's payload comes back in a pong; our own ping is an empty control frame."""
    setup.receive(Opcode.PING, b"abc")
    setup.connection.ping()
    assert [b"\x8a\x03abc", b"\x89\x00"] == setup.transport.written
    setup.connection.heard = False
    setup.receive(Opcode.PONG)
    assert setup.connection.heard


async def test_a_clients_close_is_echoed_and_the_socket_closed(setup: Setup) -> None:
    """The code comes back, and the transport is closed once it has drained."""
    setup.receive(Opcode.CLOSE, (1001).to_bytes(2) + b"bye")
    assert [b"\x88\x02" + (1001).to_bytes(2)] == setup.transport.written
    assert setup.transport.closed
    assert "left with 1001" == setup.connection.end


async def test_the_answer_to_our_close_ends_it(setup: Setup) -> None:
    """After our close frame the client's own closes the socket, and is not echoed."""
    setup.connection.close(Closing.DRAIN)
    setup.receive(Opcode.CLOSE, (1012).to_bytes(2))
    assert 1 == len(setup.transport.written)
    assert setup.transport.closed


def test_a_closing_handshake_that_hangs_is_ended_by_force() -> None:
    """Who answers no close frame in time is cut off; who does leaves no timer."""

    async def main() -> None:
        mute, polite = Setup(), Setup()
        for setup in (mute, polite):
            setup.connection.close(Closing.DRAIN)
        polite.connection.connection_lost(None)
        await asyncio.sleep(CLOSE_TIMEOUT_S - 0.1)
        assert not mute.transport.aborted
        await asyncio.sleep(0.2)
        assert mute.transport.aborted
        assert not polite.transport.aborted
        assert 1 == polite.listener.lost

    run_virtual(main())


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"\x83\x80\0\0\0\0", 1002),  # a reserved opcode
        (b"\x91\x80\0\0\0\0", 1002),  # a reserved bit
        (b"\xc1\x80\0\0\0\0", 1002),  # compressed, though nothing was negotiated
        (b"\x80\x80\0\0\0\0", 1002),  # a continuation of nothing
        (b"\x81\xfe\x03\xe9\0\0\0\0" + b"x" * 1001, 1009),  # longer than allowed
        (b"\x88\x81\0\0\0\0x", 1002),  # half a close code
    ],
)
async def test_what_is_not_websocket_closes_by_its_code(setup: Setup, stream: bytes, code: int) -> None:
    """A protocol error or a frame too long ends the connection by the standard's code, and reading with it."""
    setup.connection.data_received(stream)
    assert code.to_bytes(2) == setup.transport.written[-1][2:4]
    assert setup.transport.closed
    assert [] == setup.listener.messages


async def test_a_fault_of_our_own_closes_only_that_connection(setup: Setup) -> None:
    """Where handling a message raises, its client hears 1011 and the event loop nothing."""
    setup.listener.fault = ZeroDivisionError("a bug")
    setup.receive(Opcode.TEXT, b"hello")
    assert (1011).to_bytes(2) == setup.transport.written[-1][2:4]


async def test_a_cut_is_counted_once(setup: Setup) -> None:
    """Cutting off twice is cutting off once."""
    setup.connection.abort("lagged too long")
    setup.connection.abort("no answer to a ping")
    assert 1 == setup.counters.aborted
    assert "cut off, lagged too long" == setup.connection.end
