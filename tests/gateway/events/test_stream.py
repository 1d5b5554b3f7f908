"""A stream's socket."""

import asyncio
import math
from typing import Any

import pytest

from gateway.events.stream import EventStream
from gateway.metrics.counters import Counters
from gateway.protocol.event_encoding import EVENTS
from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.sockets import OnTheWay
from tests.gateway.protocol.test_event_encoding import events_in
from tests.gateway.transports import RecordingTransport


class Listener:
    """Hears of the end."""

    ends = 0

    def connection_lost(self) -> None:
        self.ends += 1


class Full(RecordingTransport):
    """A transport whose peer reads nothing."""

    waiting = 0

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: Any) -> None:
        super().write(data)
        self.waiting += len(data)


@pytest.fixture
async def counters() -> Counters:
    """What is counted."""
    return Counters()


def stream(transport: asyncio.Transport, counters: Counters, listener: Listener | None = None) -> EventStream:
    """A stream on ``transport``."""
    buffers = Buffers(counters, Bounds(10, 10, 0))
    return EventStream("client", transport, EVENTS, buffers, listener or Listener(), 30)


class Unreading(EventStream):
    """A stream whose client has read all but ``unread`` bytes, as its kernel says."""

    unread = 0

    @property
    def way(self) -> OnTheWay:
        return OnTheWay(acked=10**6 - self.unread, unacked=0, window=10**6 - self.unread, bytes_per_s=0, least_rtt_s=0)


async def test_a_client_that_does_not_read_takes_nothing_until_it_has_read(counters: Counters) -> None:
    """Though its kernel would take much more; that is asked again with a comment, which says nothing to the client."""
    transport = RecordingTransport()
    one = Unreading("client", transport, EVENTS, Buffers(counters, Bounds(10, 10, 0)), Listener(), 30)
    transport.set_protocol(one)
    tick = b"data: " + b"x" * 9_000 + b"\n\n"
    assert one.send(tick)
    assert one.send(tick)
    one.unread = 100_000
    assert not one.send(tick)
    assert not one.drained
    one.enqueue(b"data: every\n\n")
    assert 2 * tick + b":\n" + b"data: every\n\n" == bytes(transport.written)
    one.unread = 0
    assert one.drained
    assert one.send(tick)


async def test_it_ends_with_the_reason(counters: Counters) -> None:
    """Once: nothing follows, whatever else is written or is wrong."""
    transport, listener = RecordingTransport(), Listener()
    one = stream(transport, counters, listener)
    transport.set_protocol(one)
    one.reply(b"data: 1\n\n")
    one.close(CloseReason.EXPIRED)
    one.close(CloseReason.DRAIN)
    one.enqueue(b"data: 2\n\n")
    events = events_in(bytes(transport.written))
    assert [1, 4401] == [event if isinstance(event, int) else event["code"] for event in events]
    assert {"EXPIRED": 1} == counters.closed
    await asyncio.sleep(0)
    assert (1, False) == (listener.ends, one.left)


async def test_a_client_that_hangs_up_has_left(counters: Counters) -> None:
    """The log need not name each."""
    transport, listener = RecordingTransport(), Listener()
    one = stream(transport, counters, listener)
    transport.set_protocol(one)
    transport.hang_up()
    await asyncio.sleep(0)
    assert (1, True, True) == (listener.ends, one.left, one.closing)


async def test_what_a_client_says_is_thrown_away(counters: Counters) -> None:
    """And one that does not stop is cut off: nobody asked for it."""
    transport = RecordingTransport()
    one = stream(transport, counters)
    transport.set_protocol(one)
    one.data_received(b"x" * 16 * 1024)
    assert not one.closing
    one.data_received(b"x")
    assert (True, True) == (one.closing, transport.aborted)


async def test_who_cannot_take_every_tick_is_told_and_let_go(counters: Counters) -> None:
    """A megabyte may wait; then the stream ends with 4408."""
    transport = Full()
    one = stream(transport, counters)
    one.reply(b"data: 0\n\n")
    one.pause_writing()
    while not one.closing:
        one.enqueue(b"data: " + b"1" * 100_000 + b"\n\n")
    assert 1024 * 1024 <= transport.waiting < 1024 * 1024 + 300_000
    assert b'"code":4408' in transport.written[-200:]


async def test_it_is_never_asked_how_far_it_has_read(counters: Counters) -> None:
    """No ping can be sent on it, so no round trip is known, and nothing waits to be read."""
    one = stream(RecordingTransport(), counters)
    assert (math.inf, False, False, False) == (one.rtt_s, one.has_unread, one.watched, one.encoding.pings)
