"""Symbol → cohorts: every tick goes to the cohorts that hold its symbol.

`publish` is plain code: it makes a tick pending in some cohorts and returns. The two maps mirror each
other: a cohort is under each of its symbols, and under its wishes, for as long as a connection is in it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from gateway.cohort import Backlog, Cohort, Member, Wishes
from gateway.frames import FramedTick, message_frame
from gateway.laggards import Laggards
from gateway.metrics import Counters
from gateway.pace import Pace, RatedPace, Rest, SharedPace
from gateway.protocol import Lag, Message


class Hub:
    """All connections of a gateway, by what they want."""

    def __init__(
        self,
        last: Mapping[str, FramedTick],
        counters: Counters,
        *,
        lag_timeout_s: float,
        rest: Rest,
        timer: Callable[[], float],
    ) -> None:
        """``last`` is each symbol's newest tick, kept by the feed; ``timer`` measures flushes, in seconds."""
        self._last = last
        self._counters = counters
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._resting_pace = SharedPace(loop, timer, rest)
        self._restless_pace = SharedPace(loop, timer, Rest(factor=0))
        self._cohorts: dict[Wishes, Cohort] = {}
        self._by_symbol: dict[str, dict[Cohort, None]] = {}
        self._cohort_of: dict[Member, Cohort | None] = {}
        self._laggards = Laggards(lag_timeout_s, self._catch_up)
        self._stamp = 0

    @property
    def connections(self) -> Iterable[Member]:
        """Everyone, subscribed or not."""
        return tuple(self._cohort_of)

    def __len__(self) -> int:
        return len(self._cohort_of)

    @property
    def cohort_count(self) -> int:
        """How many different wishes there are."""
        return len(self._cohorts)

    @property
    def laggard_count(self) -> int:
        """How many connections are not draining."""
        return len(self._laggards)

    def publish(self, tick: FramedTick) -> None:
        """Make ``tick``, which is already among the last values, pending wherever it is wanted."""
        self._stamp += 1
        tick.stamp = self._stamp
        for cohort in self._by_symbol.get(tick.symbol, ()):
            cohort.offer(tick)

    def broadcast(self, message: Message) -> None:
        """Send ``message`` to everyone, behind every tick that was published before it."""
        for cohort in self._cohorts.values():
            cohort.flush()
        for connection in self.connections:
            connection.reply(message_frame(message, connection.encoding))

    def add(self, connection: Member) -> None:
        """``connection`` is here, and wants nothing yet."""
        self._cohort_of[connection] = None

    def remove(self, connection: Member) -> None:
        """``connection`` is gone, and everything it held."""
        cohort = self._cohort_of.pop(connection)
        if cohort is not None:
            if self._laggards.pop(connection):
                cohort.laggards -= 1
            else:
                cohort.leave(connection)
            self._drop_if_empty(cohort)

    def move(self, connection: Member, wishes: Wishes) -> Wishes:
        """``connection`` wants something else from now on. Returns equal wishes, shared by its cohort.

        Ticks that were pending for it and are still wanted are written first. Costs time in proportion
        to the symbols it held and will hold.
        """
        old = self._cohort_of[connection]
        if old is not None and old.wishes == wishes:
            return old.wishes
        new = self._cohort(wishes) if wishes.symbols else None
        laggard = self._laggards.get(connection)
        if old is not None and laggard is None:
            self._send_pending(connection, old, wishes)
            # That may just have found out that it is not draining.
            laggard = self._laggards.get(connection)
        self._cohort_of[connection] = new
        if laggard is not None and old is not None:
            old.laggards -= 1
            if new is None:
                self._laggards.pop(connection)
            else:
                new.laggards += 1
                laggard.backlog = self._moved(laggard.backlog, old, new)
        elif new is not None:
            new.join(connection)
        if old is not None:
            self._drop_if_empty(old)
        return new.wishes if new is not None else wishes

    def send_snapshots(self, connection: Member, symbols: Iterable[str]) -> None:
        """Write the newest tick of each of ``symbols``, as far as there is one. ``connection`` holds them all."""
        cohort = self._cohort_of[connection]
        if cohort is None:
            return
        ticks = [self._last[symbol] for symbol in symbols if symbol in self._last]
        laggard = self._laggards.get(connection)
        if laggard is None:
            # What is pending is older than the snapshots, and would follow them.
            cohort.send(connection, cohort.leave(connection))
            laggard = self._laggards.get(connection)
        if laggard is None:
            cohort.join(connection)
            cohort.send_snapshots(connection, ticks)
        else:
            laggard.backlog.snapshots.update(tick.symbol for tick in ticks)

    def _send_pending(self, connection: Member, old: Cohort, wishes: Wishes) -> None:
        pending = [tick for tick in old.leave(connection) if tick.symbol in wishes.symbols]
        old.send(connection, pending)

    def _moved(self, backlog: Backlog, old: Cohort, new: Cohort) -> Backlog:
        owed = {tick.symbol for tick in self._missed(backlog, old)} & new.wishes.symbols
        conflated = backlog.conflated + old.offered - backlog.offered
        return Backlog(self._stamp, owed, backlog.snapshots & new.wishes.symbols, conflated, new.offered)

    def _missed(self, backlog: Backlog, cohort: Cohort) -> list[FramedTick]:
        last = self._last
        held = [last[symbol] for symbol in cohort.wishes.symbols if symbol in last]
        missed = [tick for tick in held if tick.stamp > backlog.stamp or tick.symbol in backlog.owed]
        missed.sort(key=lambda tick: tick.stamp)
        return missed

    def _lags(self, connection: Member, backlog: Backlog) -> None:
        self._counters.lags += 1
        self._laggards.add(connection, backlog)

    def _catch_up(self, connection: Member) -> None:
        laggard, cohort = self._laggards.pop(connection), self._cohort_of[connection]
        assert laggard is not None
        assert cohort is not None
        backlog = laggard.backlog
        ticks = self._missed(backlog, cohort)
        conflated = backlog.conflated + cohort.offered - backlog.offered - len(ticks)
        cohort.laggards -= 1
        cohort.join(connection)
        if conflated > 0:
            self._counters.ticks_conflated += conflated
            connection.reply(message_frame(Lag(conflated=conflated), connection.encoding))
        cohort.send(connection, [tick for tick in ticks if tick.symbol not in backlog.snapshots])
        self.send_snapshots(connection, backlog.snapshots)

    def _cohort(self, wishes: Wishes) -> Cohort:
        cohort = self._cohorts.get(wishes)
        if cohort is None:
            cohort = Cohort(wishes, self._pace(wishes), self._lags, self._counters, self._stamp)
            self._cohorts[wishes] = cohort
            for symbol in wishes.symbols:
                self._by_symbol.setdefault(symbol, {})[cohort] = None
        return cohort

    def _pace(self, wishes: Wishes) -> Pace:
        if wishes.max_hz is not None:
            return RatedPace(self._loop, wishes.max_hz)
        return self._resting_pace if wishes.conflate else self._restless_pace

    def _drop_if_empty(self, cohort: Cohort) -> None:
        if len(cohort):
            return
        del self._cohorts[cohort.wishes]
        for symbol in cohort.wishes.symbols:
            cohorts = self._by_symbol[symbol]
            del cohorts[cohort]
            if not cohorts:
                del self._by_symbol[symbol]
