"""How much may be on its way to a client that has not read it yet: pings behind the data, answered by who has read it.

The kernel tells when the next hop has taken what was written, not when the client has. A proxy, and the client's own
kernel, hoard hundreds of kilobytes, which a slow client reads as old prices. A ping overtakes nothing, so its pong
(RFC 6455, section 5.5.3) says that everything before it has been read, through any number of proxies.

`Marks` are the pings of a whole cohort of clients behind a proxy: one for tens of kilobytes, the same bytes for all
members. Who answers late, leaves the cohort and gets slices of the newest prices instead, each when the one before has
been read: its `Window` says how large. So does everybody whose socket did not drain, and who begins with much.

A ping goes before each slice, too: the time between the two answers is what reading took, however far away the client
is. One that has never answered a ping (`Reader.rtt_s` is infinite) is judged by the kernel's word alone, after a moment
in which it might have.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from gateway.websocket.numbered_pings import ping

STEP_BYTES: Final = 8 * 1024
"""What a cohort was sent is looked at each time it has grown by so much."""

MARK_BYTES: Final = 42 * 1024
"""Behind so much comes the next mark: with what is sent before its answer is late, some 64 KB at most are on their way
to one who stops reading."""

MARK_S: Final = 3.0
LEAST_MARK_BYTES: Final = 24 * 1024
"""Or behind so much, where that took so long: who is sent little may read even less."""

PATIENCE_S: Final = 0.04
ROUND_TRIPS: Final = 2.5
"""An answer that takes longer than this and so many usual ones is late."""

LONGEST_RTT_S: Final = 0.3
"""No round trip is taken for longer: who is really so far away is sent slices."""

LATE_S: Final = 1.0
"""A heartbeat that is answered so late was behind more than the kernel knew of."""

UNANSWERED_S: Final = 5.0
"""A client that has not answered the ping before its first slice in this time is taken for one that answers none: long
answers to what it asked may have to be read before."""

PROMPT_S: Final = 0.025
"""Who reads a slice within this reads as fast as the network brings it."""

BURST_MARK_BYTES: Final = 16 * 1024
"""In a burst, which comes faster than ticks, there are more marks."""

FIRST_SLICE_BYTES: Final = 8 * 1024
LEAST_SLICE_BYTES: Final = 1024
LARGEST_SLICE_BYTES: Final = 64 * 1024
LARGEST_BYTES_PER_S: Final = 1_500_000
"""A slice has so many bytes, or more where the way is so long that less would not fill it at this rate."""

ALONE_BYTES: Final = 8 * 1024
"""More snapshots or states than this are sent to a client in slices."""

LARGEST_FIRST_BYTES: Final = 32 * 1024
"""The first of these has so many: a hundred topics come in one."""

SLICE_S: Final = 0.4
"""A slice is what a client reads in so long, so its prices are about so old when they are read."""

_MARKS_KEPT: Final = 64


class Reader(Protocol):
    """A connection, as far as this module needs it."""

    rtt_s: float
    """How long it usually takes to answer a ping; infinite before it has answered one."""


_R = TypeVar("_R", bound=Reader)


def acknowledges(reader: Reader) -> bool:
    """Whether ``reader`` has ever answered a ping, so that one not answered means something."""
    return reader.rtt_s < math.inf


def note_round_trip(reader: Reader, took_s: float) -> None:
    """Smooth it, as TCP does (RFC 6298, section 2)."""
    took_s = min(took_s, LONGEST_RTT_S)
    reader.rtt_s = reader.rtt_s + (took_s - reader.rtt_s) / 8 if acknowledges(reader) else took_s


class UnansweredPing(Struct):
    """The pings around a slice, or the mark that a reader is still to answer of a cohort that it has left."""

    last: int
    """The number of the one behind the data."""
    at: float
    first: int = 0
    """The number of the one before the data; 0 where there was none, or it has been answered."""
    first_answered_at: float = 0.0

    def answer(self, reader: Reader, number: int, now: float) -> bool:
        """Note that ``reader`` has answered the one before the data; False where it was not that."""
        if not number or number != self.first:
            return False
        self.first, self.first_answered_at = 0, now
        note_round_trip(reader, now - self.at)
        return True


class Marks:
    """The pings behind what the members of a cohort were sent, and when."""

    __slots__ = ("_carried", "_forgotten", "_marked_at", "_next_number", "_sent_at", "_since_mark", "newest")

    def __init__(self, next_number: Callable[[], int], carried: dict[Reader, UnansweredPing], now: float) -> None:
        """``next_number`` gives numbers that grow; times are of any clock that does not go back.

        ``carried``, which all cohorts share, has the marks of former cohorts that readers are still to answer.
        """
        self._next_number = next_number
        self._carried = carried
        self._sent_at: dict[int, float] = {}
        """When each mark was sent to all members; the oldest first."""
        self._forgotten = 0
        """The newest of those that are not kept any more: they were sent long ago."""
        self._since_mark = MARK_BYTES
        """The first comes with the first step: from its answer on it is known how far away a member is."""
        self._marked_at = now
        self.newest = 0
        """The number of the newest that all were sent; who joins now has nothing to answer up to here."""

    def step(self, size: int, now: float, most: int = MARK_BYTES) -> bytes:
        """Note that ``size`` bytes more are about to be sent to all; the frame to send behind them, or nothing.

        Behind ``most`` bytes there is one in any case.
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
        """Who of ``answered``, member → the newest mark that it has answered, takes too long with a later one."""
        newest, carried = self.newest, self._carried
        late = []
        for reader, number in answered.items():
            if (number < newest or reader in carried) and acknowledges(reader):
                patience_s = PATIENCE_S + ROUND_TRIPS * reader.rtt_s
                if now - self._asked_at(reader, number) > patience_s:
                    late.append(reader)
        return late

    def _asked_at(self, reader: Reader, answered: int) -> float:
        """When the oldest mark was sent that ``reader`` is still to answer."""
        if reader in self._carried:
            return self._carried[reader].at
        if answered < self._forgotten:
            return -math.inf
        return next(at for number, at in self._sent_at.items() if number > answered)

    def answer(self, reader: Reader, number: int, answered: int, now: float) -> bool:
        """Note that ``reader`` has answered a mark; False if it was not to, ``answered`` being its newest answer."""
        carried = self._carried.get(reader)
        sent_at = self._sent_at.get(number) if number > answered else None
        if sent_at is not None:
            note_round_trip(reader, now - sent_at)
        # A pong may answer several pings, of which it names the last (RFC 6455, section 5.5.3).
        if carried is not None and (carried.last == number or (sent_at is not None and carried.last < number)):
            del self._carried[reader]
            return True
        return sent_at is not None

    def leave(self, reader: Reader, answered: int, sent: int) -> None:
        """``reader``, which has answered and was sent marks up to these, leaves; what it is still to answer is kept."""
        if answered < sent and reader not in self._carried:
            self._carried[reader] = UnansweredPing(sent, self._asked_at(reader, answered))


class Window(Struct):
    """What one slow client may be sent at once, by how fast it has read what came before."""

    size: int = FIRST_SLICE_BYTES
    """The next slice has so many bytes at most."""
    sent: UnansweredPing | None = None
    """What it has still to answer."""
    prompt: bool = False
    """Whether it has read the last slice as fast as the network brings it."""
    _slice: int = 0
    _begins: bool = False

    def begin(self) -> None:
        """The first slice is the client's first data: whether it answers pings is to be learnt by it."""
        self.size, self._begins = LARGEST_FIRST_BYTES, True

    def takes(self, reader: Reader, size: int) -> bool:
        """Whether ``size`` bytes, all that ``reader`` is owed, may be sent to it at once, without a ping."""
        if not acknowledges(reader):
            return not self._begins or self._slice > 0
        return not size or (self.prompt and size <= self.size)

    def wrap(self, slice_blob: bytes, next_number: Callable[[], int], now: float) -> bytes:
        """The bytes of a slice that is about to be sent, with a ping before and one behind it."""
        first, last = next_number(), next_number()
        self.sent, self._slice = UnansweredPing(last, now, first), len(slice_blob)
        return ping(first) + slice_blob + ping(last)

    def waits(self, reader: Reader, now: float) -> bool:
        """Whether ``reader`` is not to be sent more yet: for its answer, or not for long where none ever came."""
        return self.sent is not None and (acknowledges(reader) or now - self.sent.at < UNANSWERED_S)

    def answer(self, reader: Reader, number: int, now: float) -> bool:
        """Note that ``reader`` has answered a ping; False if it was not to. With the last, ``sent`` is None again."""
        sent = self.sent
        if sent is None:
            return False
        if number != sent.last:
            return sent.answer(reader, number, now)
        self.sent = None
        if self._slice:
            # Who answers only the last of several pings has not said when it began.
            began = sent.first_answered_at or sent.at + min(reader.rtt_s, LONGEST_RTT_S)
            if sent.first:
                note_round_trip(reader, now - sent.at)
            took_s = max(now - began, 0.001)
            self.prompt = took_s <= PROMPT_S
            if not self.prompt:
                size = int(self._slice / took_s * SLICE_S)
            else:
                # A few bytes that are read at once say nothing of many.
                size = 2 * self.size if 2 * self._slice >= self.size else self.size
            largest = max(LARGEST_SLICE_BYTES, int(min(reader.rtt_s, LONGEST_RTT_S) * LARGEST_BYTES_PER_S))
            self.size = min(max(size, LEAST_SLICE_BYTES), largest)
        return True
