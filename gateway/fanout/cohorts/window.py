"""How much may be on its way to a client that has not read it yet: pings behind the data show what was read.

The kernel reports when the next hop has taken what was written, not when the client has read it. A proxy and the
client's own kernel buffer hundreds of kilobytes, which a slow client reads as old prices. A ping overtakes nothing, so
its pong (RFC 6455, section 5.5.3) proves that everything before it has been read, through any number of proxies.

`Marks` are the pings of a whole cohort behind a proxy: one for tens of kilobytes, with the same bytes for all members.
A member that answers late leaves the cohort. From then on it gets slices of the newest prices, each when it has read
the one before; its `Window` says how large. The same holds for a connection whose socket did not drain, or that starts
with much.

A ping also goes before each slice: the time between the two answers is the time that reading took, however far away the
client is. A client that has never answered a ping (`Reader.rtt_s` is infinite) is judged by the kernel alone, after a
moment in which it might have answered.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from gateway.websocket.numbered_pings import ping

STEP_BYTES: Final = 8 * 1024
"""The marks of a cohort are checked each time so much was sent."""

MARK_BYTES: Final = 5 * STEP_BYTES
"""A mark follows so many bytes, a whole number of steps. Two more steps or so pass before its answer is late, even on a
busy machine: a client that stops reading was sent less than 64 KB."""

MARK_S: Final = 3.0
LEAST_MARK_BYTES: Final = 24 * 1024
"""Or so many bytes after so many seconds: a client that is sent little may read even less."""

PATIENCE_S: Final = 0.04
ROUND_TRIPS: Final = 2.5
"""An answer is late if it takes longer than this and so many usual round trips."""

LONGEST_RTT_S: Final = 0.3
"""No round trip counts for more: a client that is really so far away gets slices."""

LATE_S: Final = 1.0
"""A keepalive ping that is answered so late was behind more data than the kernel knew of."""

UNANSWERED_S: Final = 5.0
"""A client that has not answered the ping before its first slice in this time is taken to answer none: it may have to
read long replies before that ping."""

PROMPT_S: Final = 0.025
"""A slice that is read within this was read as fast as the network delivers."""

BURST_MARK_BYTES: Final = 16 * 1024
"""A burst comes faster than ticks, so it has more marks."""

FIRST_SLICE_BYTES: Final = 8 * 1024
LEAST_SLICE_BYTES: Final = 1024
LARGEST_SLICE_BYTES: Final = 64 * 1024
LARGEST_BYTES_PER_S: Final = 1_500_000
"""The largest slice in bytes; more on a long way, which this rate would not fill otherwise."""

ALONE_BYTES: Final = 8 * 1024
"""More bytes of snapshots or states than this go to a client in slices."""

LARGEST_FIRST_BYTES: Final = 32 * 1024
"""The first of these slices has so many bytes: a hundred topics fit into one."""

SLICE_S: Final = 0.4
"""A slice has what a client reads in this time, so its prices are about so old when they are read."""

_MARKS_KEPT: Final = 64


class Reader(Protocol):
    """A connection, as this module sees it."""

    rtt_s: float
    """The usual round trip of a ping; infinite before the first answer."""


_R = TypeVar("_R", bound=Reader)


def acknowledges(reader: Reader) -> bool:
    """Whether ``reader`` has ever answered a ping, so that a missing answer means something."""
    return reader.rtt_s < math.inf


def note_round_trip(reader: Reader, took_s: float) -> None:
    """Add a round trip to the smoothed one, as TCP does (RFC 6298, section 2)."""
    took_s = min(took_s, LONGEST_RTT_S)
    reader.rtt_s = reader.rtt_s + (took_s - reader.rtt_s) / 8 if acknowledges(reader) else took_s


class UnansweredPing(Struct):
    """The pings around a slice; or the mark of a cohort that a reader left before it answered."""

    last: int
    """The number of the ping behind the data."""
    at: float
    first: int = 0
    """The number of the ping before the data; 0 if there was none, or it was answered."""
    first_answered_at: float = 0.0

    def answer(self, reader: Reader, number: int, now: float) -> bool:
        """Note the answer to the ping before the data; False if ``number`` is another ping's."""
        if not number or number != self.first:
            return False
        self.first, self.first_answered_at = 0, now
        note_round_trip(reader, now - self.at)
        return True


class Marks:
    """The pings behind what a cohort's members were sent, and when."""

    __slots__ = ("_carried", "_forgotten", "_marked_at", "_next_number", "_sent_at", "_since_mark", "newest")

    def __init__(self, next_number: Callable[[], int], carried: dict[Reader, UnansweredPing], now: float) -> None:
        """``next_number`` gives numbers that grow; times are of any clock that does not go back.

        ``carried``, shared by all cohorts, has the marks of former cohorts that readers have not answered yet.
        """
        self._next_number = next_number
        self._carried = carried
        self._sent_at: dict[int, float] = {}
        """When each mark was sent to all members; the oldest first."""
        self._forgotten = 0
        """The newest mark that is no longer kept: it was sent long ago."""
        self._since_mark = MARK_BYTES
        """The first mark comes with the first step: its answer shows how far away a member is."""
        self._marked_at = now
        self.newest = 0
        """The number of the newest mark sent to all; a member that joins now has to answer only later ones."""

    def step(self, size: int, now: float, most: int = MARK_BYTES) -> bytes:
        """Note that ``size`` more bytes go to all. Return the ping to send behind them, or nothing.

        A ping is due behind ``most`` bytes at the latest.
        """
        self._since_mark += size
        enough = min(most, LEAST_MARK_BYTES if now - self._marked_at >= MARK_S else MARK_BYTES)
        if self._since_mark < enough:
            return b""
        self._since_mark = 0
        self._marked_at = now
        self.newest = self._next_number()
        self._sent_at[self.newest] = now
        if len(self._sent_at) > _MARKS_KEPT:
            self._forgotten = next(iter(self._sent_at))
            del self._sent_at[self._forgotten]
        return ping(self.newest)

    def late(self, answered: Mapping[_R, int], now: float) -> list[_R]:
        """The members of ``answered`` (member → the newest mark it answered) that take too long with a later mark."""
        newest, carried = self.newest, self._carried
        late = []
        for reader, number in answered.items():
            if (number < newest or reader in carried) and acknowledges(reader):
                patience_s = PATIENCE_S + ROUND_TRIPS * reader.rtt_s
                if now - self._asked_at(reader, number) > patience_s:
                    late.append(reader)
        return late

    def _asked_at(self, reader: Reader, answered: int) -> float:
        """When the oldest mark was sent that ``reader`` has not answered yet."""
        if reader in self._carried:
            return self._carried[reader].at
        if answered < self._forgotten:
            return -math.inf
        return next(at for number, at in self._sent_at.items() if number > answered)

    def answer(self, reader: Reader, number: int, answered: int, now: float) -> bool:
        """Note that ``reader`` has answered a mark. ``answered`` is its newest answer so far.

        False if no answer to this number was due.
        """
        carried = self._carried.get(reader)
        sent_at = self._sent_at.get(number) if number > answered else None
        if sent_at is not None:
            note_round_trip(reader, now - sent_at)
        # A pong may answer several pings: it names only the last one (RFC 6455, section 5.5.3).
        if carried is not None and (carried.last == number or (sent_at is not None and carried.last < number)):
            del self._carried[reader]
            return True
        return sent_at is not None

    def leave(self, reader: Reader, answered: int, sent: int) -> None:
        """``reader`` leaves.

        It has ``answered`` and was ``sent`` marks up to these; what it has not answered is kept.
        """
        if answered < sent and reader not in self._carried:
            self._carried[reader] = UnansweredPing(sent, self._asked_at(reader, answered))


class Window(Struct):
    """How much one slow client may be sent at once, by how fast it read what came before."""

    size: int = FIRST_SLICE_BYTES
    """The most bytes of the next slice."""
    sent: UnansweredPing | None = None
    """The pings that it has not answered yet."""
    prompt: bool = False
    """Whether it read the last slice as fast as the network delivers."""
    blind: bool = False
    """Whether no ping can be sent: then only the kernel says what was taken, and each slice is of one size."""
    _slice: int = 0
    _begins: bool = False

    def __post_init__(self) -> None:
        """Fix the size of slices that nobody answers."""
        if self.blind:
            self.size = LARGEST_FIRST_BYTES

    def begin(self) -> None:
        """The first slice is the client's first data, and shows whether it answers pings."""
        self.size, self._begins = LARGEST_FIRST_BYTES, True

    def takes(self, reader: Reader, size: int) -> bool:
        """Whether ``size`` bytes, all that ``reader`` is owed, may be sent at once, without a ping."""
        if self.blind:
            return size <= self.size
        if not acknowledges(reader):
            return not self._begins or self._slice > 0
        return not size or (self.prompt and size <= self.size)

    def wrap(self, slice_blob: bytes, next_number: Callable[[], int], now: float) -> bytes:
        """The bytes of a slice that is about to be sent, with a ping before it and one behind it."""
        if self.blind:
            return slice_blob
        first, last = next_number(), next_number()
        self.sent, self._slice = UnansweredPing(last, now, first), len(slice_blob)
        return ping(first) + slice_blob + ping(last)

    def waits(self, reader: Reader, now: float) -> bool:
        """Whether ``reader`` must wait: for its own answer, or for `UNANSWERED_S` if it has never answered."""
        return self.sent is not None and (acknowledges(reader) or now - self.sent.at < UNANSWERED_S)

    def answer(self, reader: Reader, number: int, now: float) -> bool:
        """Note that ``reader`` has answered a ping; False if none of that number was due.

        ``sent`` is None again once the last ping is answered.
        """
        sent = self.sent
        if sent is None:
            return False
        if number != sent.last:
            return sent.answer(reader, number, now)
        self.sent = None
        if self._slice:
            # A client that answers only the last of several pings has not said when it began to read.
            began = sent.first_answered_at or sent.at + min(reader.rtt_s, LONGEST_RTT_S)
            if sent.first:
                note_round_trip(reader, now - sent.at)
            took_s = max(now - began, 0.001)
            self.prompt = took_s <= PROMPT_S
            if not self.prompt:
                size = int(self._slice / took_s * SLICE_S)
            else:
                # A few bytes that are read at once prove nothing about many.
                size = 2 * self.size if 2 * self._slice >= self.size else self.size
            largest = max(LARGEST_SLICE_BYTES, int(min(reader.rtt_s, LONGEST_RTT_S) * LARGEST_BYTES_PER_S))
            self.size = min(max(size, LEAST_SLICE_BYTES), largest)
        return True
