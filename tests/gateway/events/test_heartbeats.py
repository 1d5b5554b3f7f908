"""Signs of life on all streams."""

from typing import Any

from gateway.events.heartbeats import Heartbeats


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


def test_a_slow_stream_has_prices_to_read_first() -> None:
    """Nothing is put behind what it has not taken."""
    slow = stream()
    heartbeats = Heartbeats(20, lambda one: one is slow, lambda: 7)
    heartbeats.add(slow)
    for _ in range(16):
        heartbeats.sweep_slice()
    assert [] == slow.sent
