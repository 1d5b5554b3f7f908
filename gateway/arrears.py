"""What a laggard is owed: of each symbol the newest tick and state only, those first that wait for longest. No I/O."""

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import Final

from msgspec import Struct

from gateway.cohort import Missed
from gateway.forms import Form, FramedStatus, FramedTick
from gateway.window import Window

_STATE_BYTES: Final = 160
"""About the size of a state."""


class Backlog(Struct):
    """What one has missed, in constant space but for the symbols that it is owed by name."""

    stamp: int
    """It is owed the newest tick of every symbol of its cohort that was published after this one."""
    owed: dict[str, None]
    """And of these symbols, whenever that was, those first that wait for longest."""
    snapshots: set[str]
    """And snapshots of these, which it asked for."""
    states: set[str]
    """And the states of these, and of every symbol of its cohort whose state was published after the stamp."""
    conflated: int
    """Ticks missed in cohorts it was in before."""
    published: int
    """Ticks of its cohort's symbols that had been published when it began to miss them, or was sent a slice."""
    since: float
    """When it began to lag, or last read what it was sent, in the event loop's time."""
    window: Window


class Owed(Struct, frozen=True):
    """What a backlog amounts to now."""

    missed: Sequence[FramedTick]
    snapshots: Sequence[FramedTick]
    states: Sequence[FramedStatus]

    def size(self, form: Form) -> int:
        """About so many bytes where ticks are sent in ``form``, without states."""
        return sum(len(form(tick)) for ticks in (self.missed, self.snapshots) for tick in ticks)


class Slice(Struct, frozen=True):
    """As much of it as fits."""

    conflated: int
    """Ticks that newer ones have replaced since the slice before."""
    ticks: Sequence[FramedTick]
    snapshots: Collection[str]
    """Those of ``ticks`` that are to be snapshots, and perhaps others."""
    states: Sequence[FramedStatus]


class Arrears:
    """Reckons what backlogs amount to."""

    def __init__(
        self, last: Mapping[str, FramedTick], states: Mapping[str, FramedStatus], published: Mapping[str, int]
    ) -> None:
        """The newest tick and state of each symbol, and how many ticks of it were ever published; others keep them."""
        self._last = last
        self._states = states
        self._published = published

    def begin(self, missed: Missed, symbols: Collection[str], window: Window, now: float) -> Backlog:
        """The backlog of one that holds ``symbols`` and has ``missed`` the first."""
        published = self._published_of(symbols) - missed.count
        owed = dict.fromkeys(missed.owed)
        return Backlog(missed.stamp, owed, missed.snapshots, missed.states, 0, published, now, window)

    def move(self, backlog: Backlog, before: frozenset[str], symbols: frozenset[str], stamp: int) -> None:
        """Its owner held ``before`` and holds ``symbols`` from now on; ``stamp`` is that of the newest tick."""
        owed = self.owed(backlog, before)
        backlog.owed = {tick.symbol: None for tick in owed.missed if tick.symbol in symbols}
        backlog.snapshots &= symbols
        backlog.states = {status.message.symbol for status in owed.states} & symbols
        backlog.conflated += self._published_of(before) - backlog.published
        backlog.published = self._published_of(symbols)
        backlog.stamp = stamp

    def owed(self, backlog: Backlog, symbols: frozenset[str]) -> Owed:
        """All that is owed to one that holds ``symbols``."""
        last, named, stamp = self._last, backlog.owed, backlog.stamp
        held = [last[symbol] for symbol in symbols if symbol in last and symbol not in named]
        newer = [tick for tick in held if tick.stamp > stamp]
        newer.sort(key=lambda tick: tick.stamp)
        return Owed(
            [last[symbol] for symbol in named if symbol in symbols and symbol in last] + newer,
            [last[symbol] for symbol in backlog.snapshots if symbol in last],
            [
                status
                for symbol, status in self._states.items()
                if symbol in symbols and (status.stamp > stamp or symbol in backlog.states)
            ],
        )

    def conflated(self, backlog: Backlog, owed: Owed, symbols: Collection[str]) -> int:
        """Ticks of ``symbols`` that were replaced by those that are ``owed``."""
        return backlog.conflated + self._published_of(symbols) - backlog.published - len(owed.missed)

    def take(self, backlog: Backlog, owed: Owed, symbols: Collection[str], stamp: int, form: Form) -> Slice:
        """Take from what is ``owed`` as much as its window has room for, one tick at least.

        ``stamp`` is that of the newest tick; ticks are sent in ``form``.
        """
        room, snapshots = backlog.window.size, set(backlog.snapshots)
        ticks = [*owed.snapshots, *(tick for tick in owed.missed if tick.symbol not in snapshots)]
        sizes = accumulate(len(form(tick)) for tick in ticks)
        count = max(1, sum(size <= room for size in sizes))
        left = dict.fromkeys(tick.symbol for tick in ticks[count:])
        # Behind all ticks from before them. They are few, but there may be one of each symbol.
        ready = [status for status in owed.states if status.message.symbol not in left]
        states = ready[: max(1, room // _STATE_BYTES)]
        taken = Slice(self.conflated(backlog, owed, symbols), ticks[:count], snapshots, states)
        backlog.states = {status.message.symbol for status in owed.states}
        backlog.states.difference_update(status.message.symbol for status in states)
        backlog.snapshots &= left.keys()
        backlog.owed = {symbol: None for symbol in left if symbol not in snapshots}
        backlog.stamp, backlog.conflated = stamp, 0
        backlog.published = self._published_of(symbols) - sum(tick.symbol in left for tick in owed.missed)
        return taken

    def _published_of(self, symbols: Collection[str]) -> int:
        return sum(map(self._published.__getitem__, symbols))
