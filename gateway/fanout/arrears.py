"""What a slow connection is owed: of each symbol the newest tick and state only. No I/O.

Each symbol of which anything is owed has one place in the queue, where what waits for longest comes first, whatever set
of options it is held with. When its turn comes, it gives its newest tick, as a
snapshot where one was asked for, and its newest state. So nothing starves, whatever else changes or is asked for.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct

from gateway.fanout.member import Missed, Share, Wishes
from gateway.fanout.window import Reader, Window
from gateway.protocol.forms import FramedStatus, FramedTick

_QUICK_ROUND: Final = 0.25
"""Who reads all that one beat owes in such a part of the interval can have the next one at once."""


class Beat(Struct):
    """What is due at one rate: of ticks only what waits since the newest beat or longer. Others wait for the next."""

    stamp: int = 0
    """That of the newest tick at the newest beat."""
    due_at: float = -1.0
    """When the next one is. At any rate, there is one whenever we look."""


class Backlog(Struct):
    """What one has missed, in constant space but for the symbols of which it is owed something by name."""

    stamp: int
    """It is owed the newest tick and state of every symbol that it holds and that was published after this one."""
    ticks: dict[str, int]
    """And the newest ticks of these symbols; with each the stamp since which it waits."""
    snapshots: dict[str, int]
    """And snapshots of these, which it asked for."""
    states: dict[str, int]
    """And the states of these."""
    conflated: int
    """Ticks missed of symbols that it held before."""
    published: int
    """Ticks of its symbols that had been published when it began to miss them, or was sent a slice."""
    since: float
    """When it became slow, or last read what it was sent, in the event loop's time."""
    window: Window
    beats: dict[float | None, Beat] = {}
    """By ``max_hz``."""
    rests: bool = False
    """Whether nothing is due until the next beat."""
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
        rests = self.rests and now < min(beat.due_at for beat in self.beats.values())
        return rests or self.window.waits(reader, now)

    def look(self, rates: Iterable[float | None], stamp: int, now: float) -> bool:
        """Begin a new beat of each of ``rates`` where it is time; whether any is. ``stamp`` is of the newest tick."""
        begun = False
        for max_hz in rates:
            beat = self.beats.setdefault(max_hz, Beat())
            if now >= beat.due_at:
                beat.stamp, beat.due_at = stamp, now + 1 / max_hz if max_hz else now
                begun = True
        if begun:
            self._began_at, self.rests = now, False
        return begun

    def rest(self, now: float) -> None:
        """All that was due has been sent."""
        if not self.rests:
            self.rests, self._round_s = True, now - self._began_at

    def reads_quickly(self, rates: Collection[float | None]) -> bool:
        """Whether it has read all that the last beat owed it in a small part of the interval, at all of ``rates``."""
        if not self.rests or not self.window.prompt:
            return False
        return all(max_hz and self._round_s * max_hz <= _QUICK_ROUND for max_hz in rates)


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
    later: Collection[str]
    """Symbols of which only a tick is owed, that waits for the next beat. What is no plain tick comes at no rate."""

    @property
    def size(self) -> int:
        """About so many bytes."""
        return sum(self.sizes.values())


class Slice(Struct, frozen=True):
    """As much of it as fits."""

    conflated: int
    """Ticks that newer ones have replaced since the slice before."""
    ticks: Sequence[FramedTick]
    snapshots: Collection[str]
    """Those of ``ticks`` that are to be snapshots, and perhaps others."""
    states: Sequence[FramedStatus]
    is_all_that_was_due: bool

    def share(self, symbols: Collection[str]) -> Share:
        """What of it is of ``symbols``."""
        ticks = [tick for tick in self.ticks if tick.symbol in symbols]
        return Share(
            [tick for tick in ticks if tick.symbol not in self.snapshots],
            [tick for tick in ticks if tick.symbol in self.snapshots],
            [status for status in self.states if status.message.symbol in symbols],
        )


class Arrears:
    """Reckons what backlogs amount to.

    What somebody holds is given as a sequence of wishes: one for each set of options, without a symbol in common.
    """

    def __init__(
        self, last: Mapping[str, FramedTick], states: Mapping[str, FramedStatus], published: Mapping[str, int]
    ) -> None:
        """The newest tick and state of each symbol, and how many ticks of it were ever published; others keep them."""
        self._last = last
        self._states = states
        self._published = published

    def begin(
        self,
        missed: Missed,
        symbols: Collection[str],
        window: Window,
        now: float,
        others: Sequence[tuple[Collection[str], int]] = (),
        newest: int = 0,
    ) -> Backlog:
        """The backlog of one that has ``missed`` the first of ``symbols``.

        ``others`` are more symbols that it holds, with the stamps up to which it has been sent these; ``newest`` is
        that of the newest tick. Where there are any, what was missed up to then is owed by name.
        """
        stamp, count = missed.stamp, missed.count
        ticks, snapshots, states = (
            dict.fromkeys(some, stamp) for some in (missed.owed, missed.snapshots, missed.states)
        )
        published = self._published_of(symbols)
        if others:
            low = min(stamp, *(since for _, since in others))
            ticks.update(self._missed(symbols, stamp, newest))
            for others_symbols, since in others:
                owed = self._missed(others_symbols, since, newest)
                ticks.update(owed)
                count += len(owed)
                published += self._published_of(others_symbols)
            for some in (symbols, *(some for some, _ in others)):
                # One that was told already is told again: which cohorts were is not known.
                told = (one for one in some if one in self._states and self._states[one].stamp > low)
                _ask(states, list(told), low)
            stamp = newest
        return Backlog(stamp, ticks, snapshots, states, 0, published - count, now, window)

    def _missed(self, symbols: Collection[str], since: int, newest: int) -> dict[str, int]:
        last = self._last
        return {one: since for one in symbols if one in last and since < last[one].stamp <= newest}

    def move(self, backlog: Backlog, before: Sequence[Wishes], wants: Sequence[Wishes], stamp: int) -> None:
        """Its owner holds something else than ``before``; ``stamp`` is that of the newest tick."""
        owed = self.owed(backlog, before)
        symbols = symbols_of(wants)
        self._keep(backlog, owed, symbols)
        backlog.conflated += self._published_of(symbols_of(before)) - backlog.published
        backlog.published = self._published_of(symbols)
        backlog.stamp = stamp
        # There may be other rates.
        backlog.beats, backlog.rests = {}, False

    def owed(self, backlog: Backlog, wants: Sequence[Wishes]) -> Owed:
        """All that is owed to one that has these ``wants``."""
        last, states, stamp, symbols = self._last, self._states, backlog.stamp, symbols_of(wants)
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
        sizes: dict[str, int] = {}
        later: set[str] = set()
        for wishes in wants:
            form, frame = wishes.encoding.form(batch=wishes.batch), wishes.encoding.status_frame
            beat = backlog.beats.get(wishes.max_hz, Beat())
            for symbol in wishes.symbols & since.keys():
                size = len(form(last[symbol])) if symbol in ticks or symbol in snapshots else 0
                sizes[symbol] = size + (len(frame(states[symbol])) if symbol in told else 0)
                if ticks.get(symbol, 0) > beat.stamp and symbol not in snapshots and symbol not in told:
                    later.add(symbol)
        return Owed(order, ticks, snapshots, told, sizes, later)

    def conflated(self, backlog: Backlog, owed: Owed, symbols: Collection[str]) -> int:
        """Ticks of ``symbols`` that were replaced by those that are ``owed``."""
        return backlog.conflated + self._published_of(symbols) - backlog.published - len(owed.ticks)

    def take(
        self, backlog: Backlog, owed: Owed, symbols: Collection[str], stamp: int, *, whole: Collection[str] = ()
    ) -> Slice:
        """Take from what is ``owed`` and due as much as its window has room for, one symbol at least.

        Where something is to be taken ``whole``, take all that is owed of that, due or not, and nothing else.
        ``symbols`` are all that it holds; ``stamp`` is that of the newest tick.
        """
        due = [one for one in owed.order if (one in whole if whole else one not in owed.later)]
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


def symbols_of(wants: Sequence[Wishes]) -> frozenset[str]:
    """All symbols of ``wants``."""
    return wants[0].symbols if len(wants) == 1 else frozenset().union(*(wishes.symbols for wishes in wants))


def _held(owed: Mapping[str, int], symbols: frozenset[str], there: Mapping[str, object]) -> dict[str, int]:
    return {symbol: at for symbol, at in owed.items() if symbol in symbols and symbol in there}
