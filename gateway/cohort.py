"""The connections that want exactly the same thing, and what is pending for them.

What is pending is joined once, and the same bytes are written to every member. A member that does not
drain leaves the members and costs nothing until `gateway.laggards` brings it back.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from msgspec import Struct

from gateway.frames import Encoding, FramedTick, joiner, snapshot_frames
from gateway.metrics import Counters
from gateway.pace import Pace


class Wishes(Struct, frozen=True):
    """What a connection wants. Equal wishes share a cohort."""

    symbols: frozenset[str]
    encoding: Encoding = "json"
    batch: bool = False
    deflate: bool = False
    """Whether batches are compressed; single ticks never are."""
    max_hz: float | None = None
    conflate: bool = True


class Backlog(Struct):
    """What a lagging member has missed, in constant space but for ``owed``.

    It is owed the newest tick of every symbol in ``owed``, and of every symbol of its cohort that was
    published after ``stamp``.
    """

    stamp: int
    owed: set[str]
    snapshots: set[str]
    """Symbols whose snapshots it asked for, and has not been sent."""
    conflated: int
    """Ticks missed in cohorts it was in before."""
    offered: int
    """What `Cohort.offered` was when it began to miss ticks of this one."""


class Member(Protocol):
    """A connection, as cohorts, hub and laggards see it."""

    encoding: Encoding

    @property
    def drained(self) -> bool:
        """Whether the kernel has taken everything that was written."""

    def send(self, blob: bytes) -> bool:
        """Write at once and return True, or return False because the socket is not draining."""

    def enqueue(self, blob: bytes) -> None:
        """Write, however slow the socket; the connection closes itself when too much is waiting."""

    def reply(self, frames: bytes) -> None:
        """Write what may not be conflated away."""

    def abort(self, reason: str) -> None:
        """Cut the connection off at once."""


class Cohort:
    """Members with equal wishes.

    Every connection of the cohort is in exactly one of three places: a member, a newcomer (joined
    while something was pending, of which it has seen a part), or, outside, a laggard.
    """

    __slots__ = (
        "_counters", "_flushed_offered", "_flushed_stamp", "_join", "_lags", "_members", "_newcomers", "_pace",
        "_pending", "_stamp", "laggards", "offered", "wishes",
    )  # fmt: skip

    def __init__(
        self,
        wishes: Wishes,
        pace: Pace,
        lags: Callable[[Member, Backlog], None],
        counters: Counters,
        stamp: int,
    ) -> None:
        """``lags`` is told of a member that does not drain, and keeps it until it joins again.

        ``stamp`` is that of the newest tick there is; what came up to it is no news to anyone who joins.
        """
        self.wishes = wishes
        self._pace = pace
        self._lags = lags
        self._counters = counters
        self._join = joiner(wishes.encoding, batch=wishes.batch, deflate=wishes.deflate)
        self._members: dict[Member, None] = {}
        self._newcomers: dict[Member, dict[str, int]] = {}
        """Each with the seq it has already seen of every symbol that was pending when it joined."""
        self.laggards = 0
        # By symbol where a newer tick takes the place of an older one, by stamp where none may be lost.
        self._pending: dict[str | int, FramedTick] = {}
        self.offered = 0
        """How many ticks were ever offered; a laggard's share of it is what was conflated for it."""
        self._stamp = stamp
        self._flushed_stamp = stamp
        self._flushed_offered = 0

    def __len__(self) -> int:
        return len(self._members) + len(self._newcomers) + self.laggards

    def offer(self, tick: FramedTick) -> None:
        """Make ``tick`` pending."""
        key = tick.symbol if self.wishes.conflate else tick.stamp
        if not self._pending:
            self._pace.want(self)
        elif key in self._pending:
            if self._pace.resting:
                self._counters.ticks_conflated += 1
            else:
                # Nothing is conflated without need: two ticks of one symbol in one read go out as two.
                # What follows goes with the flush that the pace still has to make.
                self.flush()
        self._pending[key] = tick
        self._stamp = tick.stamp
        self.offered += 1

    def flush(self) -> None:
        """Write what is pending to every member."""
        if not self._pending:
            return
        ticks, self._pending = self._pending.values(), {}
        missed_from = (self._flushed_stamp, self._flushed_offered)
        self._flushed_stamp = self._stamp
        self._flushed_offered = self.offered
        newcomers, self._newcomers = self._newcomers, {}
        if self._members:
            self._write(self._join(ticks), len(ticks), *missed_from)
        for newcomer, seen in newcomers.items():
            self._members[newcomer] = None
            self.send(newcomer, _unseen(ticks, seen))

    def _write(self, blob: bytes, count: int, stamp: int, offered: int) -> None:
        if self.wishes.conflate:
            slow = [member for member in self._members if not member.send(blob)]
            for member in slow:
                self._lag(member, Backlog(stamp, set(), set(), 0, offered))
        else:
            for member in self._members:
                member.enqueue(blob)
        self._counters.ticks_sent += count * len(self._members)

    def send(self, member: Member, ticks: Collection[FramedTick]) -> None:
        """Write ``ticks`` to one of the members only."""
        if ticks:
            missed = self._send(member, ticks, self._join(ticks))
            if missed is not None:
                missed.owed.update(tick.symbol for tick in ticks)
                missed.offered -= len(ticks)

    def send_snapshots(self, member: Member, ticks: Collection[FramedTick]) -> None:
        """Write ``ticks`` as snapshots to one of the members only."""
        if ticks:
            missed = self._send(member, ticks, snapshot_frames(ticks, self.wishes.encoding))
            if missed is not None:
                missed.snapshots.update(tick.symbol for tick in ticks)

    def _send(self, member: Member, ticks: Collection[FramedTick], blob: bytes) -> Backlog | None:
        if not self.wishes.conflate:
            member.enqueue(blob)
        elif not member.send(blob):
            backlog = Backlog(self._flushed_stamp, set(), set(), 0, self.offered)
            self._lag(member, backlog)
            return backlog
        self._counters.ticks_sent += len(ticks)
        return None

    def _lag(self, member: Member, backlog: Backlog) -> None:
        self._members.pop(member, None)
        self._newcomers.pop(member, None)
        self.laggards += 1
        self._lags(member, backlog)

    def join(self, member: Member) -> None:
        """Take ``member`` in: it gets every tick offered from now on, and none that is pending.

        Whoever joins has the last values already, by a snapshot or from its cohort before.
        """
        if self._pending:
            self._newcomers[member] = {tick.symbol: tick.seq for tick in self._pending.values()}
        else:
            self._members[member] = None

    def leave(self, member: Member) -> list[FramedTick]:
        """Let ``member`` go, and return what was pending for it."""
        seen = self._newcomers.pop(member, None)
        if seen is not None:
            return _unseen(self._pending.values(), seen)
        del self._members[member]
        return list(self._pending.values())


def _unseen(ticks: Iterable[FramedTick], seen: dict[str, int]) -> list[FramedTick]:
    return [tick for tick in ticks if tick.seq > seen.get(tick.symbol, -1)]
