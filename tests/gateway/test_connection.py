"""One socket's writes, lag and end, against a transport that does as the test says."""

import asyncio
from typing import Any

import pytest

from gateway.closing import Closing
from gateway.connection import LAG_MARK_BYTES, QUEUE_LIMIT_BYTES, Connection
from gateway.metrics import Counters


class StubbornTransport(asyncio.Transport):
    """Keeps what is written; says that as much is waiting as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.written: list[bytes] = []
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True


class Setup:
    def __init__(self) -> None:
        self.transport = StubbornTransport()
        self.counters = Counters()
        self.closings: list[Closing] = []
        self.connection = Connection("c-1", self.transport, "json", self.counters, self.closings.append)


@pytest.fixture
def setup() -> Setup:
    return Setup()


def test_data_is_written_until_the_mark(setup: Setup) -> None:
    """Up to the mark data is written; above it the connection says that it lags, and writes nothing."""
    setup.transport.waiting = LAG_MARK_BYTES
    assert setup.connection.send(b"one")
    setup.transport.waiting = LAG_MARK_BYTES + 1
    assert not setup.connection.send(b"two")
    assert [b"one"] == setup.transport.written


def test_drained_means_nothing_waits(setup: Setup) -> None:
    """A connection has drained when the kernel has taken everything."""
    assert setup.connection.drained
    setup.transport.waiting = 1
    assert not setup.connection.drained


def test_replies_go_out_though_data_does_not(setup: Setup) -> None:
    """A lagging client still gets its replies, up to a bound, past which it is cut off."""
    setup.transport.waiting = LAG_MARK_BYTES + 1
    setup.connection.reply(b"answer")
    assert [b"answer"] == setup.transport.written
    setup.transport.waiting = QUEUE_LIMIT_BYTES + 1
    setup.connection.reply(b"one too many")
    assert [b"answer"] == setup.transport.written
    assert setup.transport.aborted
    assert 1 == setup.counters.aborted


def test_every_tick_is_queued_until_the_bound_and_then_4408(setup: Setup) -> None:
    """Who wants every tick and cannot keep up is closed, once, and written nothing more."""
    setup.transport.waiting = QUEUE_LIMIT_BYTES
    setup.connection.enqueue(b"tick")
    setup.transport.waiting += 1
    setup.connection.enqueue(b"tock")
    setup.connection.enqueue(b"tack")
    assert [b"tick"] == setup.transport.written
    assert [Closing.TOO_SLOW] == setup.closings
    assert 4408 == Closing.TOO_SLOW.code
    assert {"TOO_SLOW": 1} == setup.counters.closed


def test_nothing_follows_the_close_frame(setup: Setup) -> None:
    """Once closing, data and replies are dropped, and the first reason stands."""
    setup.connection.close(Closing.DRAIN)
    setup.connection.close(Closing.TOO_SLOW)
    assert setup.connection.send(b"data")
    setup.connection.enqueue(b"data")
    setup.connection.reply(b"reply")
    assert [] == setup.transport.written
    assert [Closing.DRAIN] == setup.closings


def test_pings_and_pongs_are_frames(setup: Setup) -> None:
    """A ping is an empty control frame; a pong carries the ping's payload back."""
    setup.connection.ping()
    setup.connection.pong(b"abc")
    assert [b"\x89\x00", b"\x8a\x03abc"] == setup.transport.written
    assert setup.connection.pinged
