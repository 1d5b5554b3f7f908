"""How much a client has not read, by what its kernel would still take."""

from gateway.events.unread import FORGIVEN_S, LEAST_BYTES, MOST_BYTES, Unread
from gateway.websocket.sockets import OnTheWay

ROOM = 600_000


class Reader:
    """A client's kernel, and what was sent to it."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self.sent = self.taken = self.read = 0
        self.bytes_per_s, self.least_rtt_s = 0, 0.0
        self.unread = Unread()

    def send(self, size: int) -> None:
        self.sent += size
        self.taken = min(self.sent, self.read + self.room)

    def looked_at(self, now: float = 0) -> bool:
        window = self.room - (self.taken - self.read)
        way = OnTheWay(self.taken, self.sent - self.taken, window, self.bytes_per_s, self.least_rtt_s)
        self.unread.look(way, now)
        return self.unread.is_much


def test_who_reads_all_is_never_late() -> None:
    """However much it is sent."""
    reader = Reader()
    for _ in range(100):
        reader.send(30_000)
        assert not reader.looked_at()
        reader.read = reader.sent


def test_who_does_not_read_is_late_until_nearly_all_is_read() -> None:
    """By what is in its kernel, however much more that would take."""
    reader = Reader()
    assert not reader.looked_at()
    reader.send(MOST_BYTES)
    assert not reader.looked_at()
    reader.send(1)
    assert reader.looked_at()
    reader.read = reader.sent - LEAST_BYTES - 1
    assert reader.looked_at(1)
    reader.read += 1
    assert not reader.looked_at(1)


def test_what_a_line_does_not_take_counts_but_what_is_usually_on_it_does_not() -> None:
    """A long and wide one always has much."""
    reader = Reader(room=0)
    reader.send(200_000)
    assert reader.looked_at()
    far = Reader(room=0)
    far.bytes_per_s, far.least_rtt_s = 1_000_000, 0.3
    far.send(200_000)
    assert not far.looked_at()


def test_a_kernel_that_takes_less_than_before_does_not_lock_a_reader_out() -> None:
    """What it takes after some time is all; the next slice is judged by that."""
    reader = Reader()
    reader.looked_at()
    reader.room = 50_000
    assert reader.looked_at(1)
    assert reader.looked_at(1 + FORGIVEN_S / 2)
    assert not reader.looked_at(1 + FORGIVEN_S)
    reader.send(32_000)
    reader.read = reader.sent
    assert not reader.looked_at(2 + FORGIVEN_S)


def test_who_reads_nothing_is_forgiven_once() -> None:
    """The next time it stays late, until it is cut off or reads."""
    reader = Reader()
    reader.looked_at()
    reader.send(MOST_BYTES + 1)
    assert reader.looked_at(0)
    assert not reader.looked_at(FORGIVEN_S)
    reader.send(MOST_BYTES + 1)
    assert all(reader.looked_at(FORGIVEN_S + second) for second in range(1, 60))
    reader.read = reader.sent
    assert not reader.looked_at(100)
