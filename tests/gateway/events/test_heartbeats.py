"""Signs of life on all streams."""

import asyncio
from typing import Any

from gateway.events.heartbeats import Heartbeats
from tests.fakes import run_virtual


class RecordingStream:
    """Keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, blob: bytes) -> bool:
        self.sent.append(blob)
        return True


def stream() -> Any:
    """A stream without a socket."""
    return RecordingStream()


def test_each_stream_is_served_once_in_half_a_heartbeat() -> None:
    """A new one, not before the others of its time; one that has gone, never again."""
    heartbeats = Heartbeats(20, lambda _: False, lambda: 7)
    one, other = stream(), stream()
    heartbeats.add(one)
    heartbeats.sweep_slice()
    heartbeats.add(other)
    for _ in range(15):
        heartbeats.sweep_slice()
    assert [b'data: {"type":"heartbeat","server_us":7}\n\n'] == one.sent
    assert [] == other.sent
    heartbeats.remove(one)
    for _ in range(16):
        heartbeats.sweep_slice()
    assert (1, 1) == (len(one.sent), len(other.sent))


def test_streams_are_served_while_there_are_any() -> None:
    """The loop has no timer while there are none, also when all have gone."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        heartbeats = Heartbeats(20, lambda _: False, lambda: 7)
        running = asyncio.create_task(heartbeats.run())
        await asyncio.sleep(100)
        one = stream()
        heartbeats.add(one)
        began_at = loop.time()
        await asyncio.sleep(30.5)
        assert 3 == len(one.sent)
        heartbeats.remove(one)
        await asyncio.sleep(100)
        assert (3, 130.5) == (len(one.sent), loop.time() - began_at)
        running.cancel()

    run_virtual(scene())


def test_a_slow_stream_has_prices_to_read_first() -> None:
    """Nothing is put behind what it has not taken."""
    slow = stream()
    heartbeats = Heartbeats(20, lambda one: one is slow, lambda: 7)
    heartbeats.add(slow)
    for _ in range(16):
        heartbeats.sweep_slice()
    assert [] == slow.sent
