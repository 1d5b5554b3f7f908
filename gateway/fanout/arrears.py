"""What a laggard is owed: of each symbol the newest tick and state only. Who waits for longest comes first. No I/O.

Each symbol of which anything is owed has one place in the queue. When its turn comes, it gives its newest tick, as a
snapshot where one was asked for, and its newest state. So nothing starves, whatever else changes or is asked for.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct

from gateway.fanout.member import Missed, Wishes
from gateway.fanout.window import Reader, Window
from gateway.protocol.forms import FramedStatus, FramedTick

_QUICK_ROUND: Final = 0.25
"""Who reads all that one beat owes in such a part of the interval can have the next one at once."""


class Backlog(Struct):
    """What one has missed, in constant space but for the symbols of which it is owed something by name."""

    stamp: int
    """It is owed the newest tick and state of every symbol of its cohort that was published after this one."""
    ticks: dict[str, int]
    """And the newest ticks of these symbols; with each the stamp since which it waits."""
    snapshots: dict[str, int]
    """And snapshots of these, which it asked for."""
    states: dict[str, int]
    """And the states of these."""
    conflated: int
    """Ticks missed in cohorts it was in before."""
    published: int
    """Ticks of its cohort's symbols that had been published when it began to miss them, or was sent a slice."""
    since: float
    """When it began to lag, or last read what it was sent, in the event loop's time."""
    window: Window
    beat_stamp: int = 0
    """Of ticks only what waits since then or longer is due: the others wait for the next beat."""
    beat_at: float = -1.0
    """When that is. One that wants so many ticks a second has so many beats, one of any rate has one at any time."""
    rests: bool = False
    """Whether nothing is due until then."""
    _began_at: float = 0.0
    _round_s: float = 0.0

    def ask_snapshots(self, symbols: Collection[str], stamp: int) -> None:
        """It is owed snapshots of ``symbols``; those that it is owed already keep their places."""
        _ask(self.snapshots, symbols, stamp)
        self.rests = False

    def ask_states(self, symbols: Collection[str], stamp: int) -> None:
        """The same of states."""
        _ask(self.states, symbols, stamp)
        self.rests = False

    def waits(self, reader: Reader, now: float) -> bool:
        """Whether it is not to be sent more yet: nothing is due, or ``reader`` is still to read what it was sent."""
        return (self.rests and now < self.beat_at) or self.window.waits(reader, now)

    def look(self, max_hz: float | None, stamp: int, now: float) -> bool:
        """Begin a new beat where it is time; whether it is. ``stamp`` is that of the newest tick."""
        if now < self.beat_at:
            return False
        self.beat_stamp, self._began_at, self.rests = stamp, now, False
        self.beat_at = now + 1 / max_hz if max_hz else now
        return True

    def rest(self, now: float) -> None:
        """All that was due has been sent."""
        if not self.rests:
            self.rests, self._round_s = True, now - self._began_at

    def reads_quickly(self, max_hz: float | None) -> bool:
        """Whether it has read all that the last beat owed it in a small part of the interval."""
        return bool(max_hz) and self.rests and self.window.prompt and self._round_s * (max_hz or 0) <= _QUICK_ROUND


def _ask(owed: dict[str, int], symbols: Collection[str], stamp: int) -> None:
    for symbol in symbols:
        owed.setdefault(symbol, stamp)


class Owed(Struct, frozen=True):
    """What a backlog amounts to now."""

    order: Sequence[str]
    """The symbols of which anything is owed, those first that wait for longest."""
    ticks: Mapping[str, int]
    snapshots: Mapping[str, int]
    states: Mapping[str, int]
    sizes: Mapping[str, int]
    """About how many bytes each symbol takes."""

    @property
    def size(self) -> int:
        """About so many bytes."""
        return sum(self.sizes.values())

    def is_due(self, symbol: str, beat_stamp: int) -> bool:
        """Whether its turn may come before the next beat: what is no plain tick comes at no rate."""
        return self.ticks.get(symbol, 0) <= beat_stamp or symbol in self.snapshots or symbol in self.states


class Slice(Struct, frozen=True):
    """As much of it as fits."""

    conflated: int
    """Ticks that newer ones have replaced since the slice before."""
    ticks: Sequence[FramedTick]
    snapshots: Collection[str]
    """Those of ``ticks`` that are to be snapshots, and perhaps others."""
    states: Sequence[FramedStatus]
    is_all_that_was_due: bool


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
        stamp, published = missed.stamp, self._published_of(symbols) - missed.count
        ticks, snapshots, states = (
            dict.fromkeys(some, stamp) for some in (missed.owed, missed.snapshots, missed.states)
        )
        return Backlog(stamp, ticks, snapshots, states, 0, published, now, window)

    def move(self, backlog: Backlog, before: Wishes, wishes: Wishes, stamp: int) -> None:
        """Its owner has other wishes than ``before``; ``stamp`` is that of the newest tick."""
        owed = self.owed(backlog, before)
        self._keep(backlog, owed, wishes.symbols)
        backlog.conflated += self._published_of(before.symbols) - backlog.published
        backlog.published = self._published_of(wishes.symbols)
        backlog.stamp = stamp
        # It may want another rate.
        backlog.beat_at, backlog.rests = -1.0, False

    def owed(self, backlog: Backlog, wishes: Wishes) -> Owed:
        """All that is owed to one that has these ``wishes``."""
        last, states, stamp, symbols = self._last, self._states, backlog.stamp, wishes.symbols
        ticks = _held(backlog.ticks, symbols, last)
        newer = [(symbol, last[symbol].stamp) for symbol in symbols if symbol in last and symbol not in ticks]
        ticks.update((symbol, at) for symbol, at in newer if at > stamp)
        snapshots = _held(backlog.snapshots, symbols, last)
        told = _held(backlog.states, symbols, states)
        changed = [(symbol, status.stamp) for symbol, status in states.items() if symbol in symbols]
        told.update((symbol, at) for symbol, at in changed if at > stamp and symbol not in told)
        since: dict[str, int] = {}
        for symbol, at in chain(snapshots.items(), ticks.items(), told.items()):
            since[symbol] = min(at, since.get(symbol, at))
        order = sorted(since, key=since.__getitem__)
        form = wishes.encoding.form(batch=wishes.batch)
        sizes = {symbol: len(form(last[symbol])) for symbol in order if symbol in ticks or symbol in snapshots}
        for symbol in told:
            sizes[symbol] = sizes.get(symbol, 0) + len(wishes.encoding.status_frame(states[symbol]))
        return Owed(order, ticks, snapshots, told, sizes)

    def conflated(self, backlog: Backlog, owed: Owed, symbols: Collection[str]) -> int:
        """Ticks of ``symbols`` that were replaced by those that are ``owed``."""
        return backlog.conflated + self._published_of(symbols) - backlog.published - len(owed.ticks)

    def take(self, backlog: Backlog, owed: Owed, symbols: Collection[str], stamp: int, *, whole: bool = False) -> Slice:
        """Take from what is ``owed`` and due as much as its window has room for, one symbol at least.

        Where it is to be taken ``whole``, take everything. ``stamp`` is that of the newest tick.
        """
        due = [symbol for symbol in owed.order if whole or owed.is_due(symbol, backlog.beat_stamp)]
        if not due and not whole:
            return Slice(0, (), (), (), is_all_that_was_due=True)
        taken: list[str] = []
        room = backlog.window.size
        for symbol in due:
            room -= owed.sizes[symbol]
            if room < 0 and taken and not whole:
                break
            taken.append(symbol)
        slice_ = Slice(
            self.conflated(backlog, owed, symbols),
            [self._last[symbol] for symbol in taken if symbol in owed.ticks or symbol in owed.snapshots],
            owed.snapshots,
            [self._states[symbol] for symbol in taken if symbol in owed.states],
            len(taken) == len(due),
        )
        left = set(owed.order).difference(taken)
        self._keep(backlog, owed, left)
        backlog.stamp, backlog.conflated = stamp, 0
        backlog.published = self._published_of(symbols) - len(backlog.ticks)
        return slice_

    def _keep(self, backlog: Backlog, owed: Owed, symbols: Collection[str]) -> None:
        """Of ``owed`` only what concerns ``symbols`` is owed further on, each in its place."""
        backlog.ticks = {symbol: at for symbol, at in owed.ticks.items() if symbol in symbols}
        backlog.snapshots = {symbol: at for symbol, at in owed.snapshots.items() if symbol in symbols}
        backlog.states = {symbol: at for symbol, at in owed.states.items() if symbol in symbols}

    def _published_of(self, symbols: Collection[str]) -> int:
        return sum(map(self._published.__getitem__, symbols))


def _held(owed: Mapping[str, int], symbols: frozenset[str], there: Mapping[str, object]) -> dict[str, int]:
    return {symbol: at for symbol, at in owed.items() if symbol in symbols and symbol in there}
