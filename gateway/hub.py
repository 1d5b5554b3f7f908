"""Symbol → groups → cohorts: every tick goes to those that hold its symbol.

`publish` is plain code: it makes a tick pending in a group or two and returns, however many clients
there are.
"""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import get_args

from gateway.arrears import Arrears, Backlog
from gateway.bursts import Bursts
from gateway.cohort import Cohort
from gateway.frames import Encoding, FramedStatus, FramedTick, message_frame
from gateway.group import FAULT, Group
from gateway.laggards import Laggards
from gateway.member import Member, Missed, Wishes
from gateway.metrics import Counters
from gateway.pace import Rest
from gateway.protocol import Lag, Message
from gateway.registry import Registry
from gateway.window import Reader, Sent, Window

logger = logging.getLogger(__name__)


class Hub:
    """All connections of a gateway, by what they want."""

    def __init__(
        self,
        last: Mapping[str, FramedTick],
        states: Mapping[str, FramedStatus],
        counters: Counters,
        *,
        lag_timeout_s: float,
        rest: Rest,
        timer: Callable[[], float],
    ) -> None:
        """``last`` is each symbol's newest tick, kept by the feed; ``timer`` measures flushes, in seconds.

        ``states`` has the state of every symbol that was not live at some time.
        """
        self._last = last
        self._states = states
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._cohort_of: dict[Member, Cohort | None] = {}
        self._laggards = Laggards(lag_timeout_s, self._catch_up)
        self.next_number = itertools.count(1).__next__
        """Of pings; they grow."""
        self._unanswered: dict[Reader, Sent] = {}
        """Who is still to answer a ping that a cohort before was sent."""
        self._registry = Registry(
            self._lags,
            counters,
            next_number=self.next_number,
            unanswered=self._unanswered,
            rest=rest,
            timer=timer,
        )
        self._groups_of = self._registry.groups_of
        self._bursts = Bursts(self._send_due_states, timer)
        self._stamp = 0
        self._published: Counter[str] = Counter()
        """Ticks ever published, by symbol: what is conflated for a laggard is counted by it."""
        self._arrears = Arrears(last, states, self._published)

    @property
    def connections(self) -> Iterable[Member]:
        """Everyone, subscribed or not."""
        return tuple(self._cohort_of)

    def __len__(self) -> int:
        return len(self._cohort_of)

    @property
    def cohort_count(self) -> int:
        """How many different wishes there are."""
        return self._registry.cohort_count

    @property
    def laggard_count(self) -> int:
        """How many connections are not draining."""
        return len(self._laggards)

    def limit_lag(self, timeout_s: float) -> None:
        """Cut laggards off after another time from now on."""
        self._laggards.limit(timeout_s)

    def lags(self, connection: Member) -> bool:
        """Whether ``connection`` is not draining, and waits to be caught up or cut off."""
        return connection in self._laggards

    def publish(self, tick: FramedTick) -> None:
        """Make ``tick``, which is already among the last values, pending wherever it is wanted."""
        symbol = tick.symbol
        tick.stamp = self._stamp = self._stamp + 1
        self._published[symbol] += 1
        for group in self._groups_of.get(symbol, ()):
            group.offer(tick)

    def broadcast(self, message: Message) -> None:
        """Send ``message`` to everyone, behind every tick that was published before it."""
        for group in self._registry.groups:
            group.flush()
        frames: dict[Encoding, bytes] = {encoding: message_frame(message, encoding) for encoding in get_args(Encoding)}
        for connection in self.connections:
            connection.reply(frames[connection.encoding])

    def publish_states(self, changed: Sequence[FramedStatus]) -> None:
        """Send ``changed``, which are already among the states, behind every tick that was published before."""
        since = self._stamp
        states: dict[str, FramedStatus] = {}
        groups: dict[Group, None] = {}
        for status in changed:
            status.stamp = self._stamp = self._stamp + 1
            symbol = status.message.symbol
            states[symbol] = status
            groups.update(self._groups_of.get(symbol, ()))
        for group in groups:
            group.flush()
            for cohort in group.cohorts.holding(states):
                try:
                    if cohort.publish_states(states, since):
                        self._bursts.add(cohort)
                except Exception:
                    logger.exception(FAULT)
        self._laggards.wake()

    def _send_due_states(self, cohort: Cohort) -> bool:
        """Whether it was the last of them."""
        if not len(cohort):
            return True
        group = self._registry.group(cohort.wishes)
        return not cohort.send_due_states(group.flushed(self._stamp), group.pending)

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
            self._registry.drop_if_empty(cohort)
        self._unanswered.pop(connection, None)

    def answered(self, connection: Member, number: int) -> bool:
        """``connection`` has read everything up to a ping; False if it was sent none of that number, or answered it."""
        backlog = self._laggards.get(connection)
        if backlog is None:
            carried, cohort = self._unanswered.get(connection), self._cohort_of.get(connection)
            if carried is not None and carried.last == number:
                # It may hold nothing any more.
                del self._unanswered[connection]
                return True
            return cohort is not None and cohort.answered(connection, number, self._loop.time())
        now = self._loop.time()
        if not backlog.window.answer(connection, number, now):
            return False
        backlog.since = now
        if connection.drained and not backlog.waits(connection, now):
            self._catch_up(connection)
        return True

    def read_up_to(self, connection: Member, number: int) -> None:
        """``connection`` has answered the heartbeat's ping of that number: it need not answer those before it.

        It may answer only the last of several (RFC 6455, section 5.5.3).
        """
        carried = self._unanswered.get(connection)
        if carried is not None and carried.last <= number:
            del self._unanswered[connection]
        backlog, cohort = self._laggards.get(connection), self._cohort_of.get(connection)
        if backlog is not None:
            sent = backlog.window.sent
            if sent is not None and sent.last <= number:
                self.answered(connection, sent.last)
        elif cohort is not None:
            cohort.read_up_to(connection, number)

    def read_late(self, connection: Member) -> None:
        """``connection`` has read much later what the kernel has passed on long ago: something on the way hoards."""
        if connection.watched:
            return
        connection.watched = True
        old = self._cohort_of.get(connection)
        if old is None or not old.wishes.conflate:
            return
        self._send_pending(connection, old, old.wishes.symbols)
        new = self._cohort_of[connection] = self._registry.cohort(old.wishes, watched=True)
        if connection in self._laggards:
            old.laggards -= 1
            new.laggards += 1
        else:
            self._join(connection, new)
            new.lag(connection, Missed(self._stamp))
        self._registry.drop_if_empty(old)

    def move(self, connection: Member, wishes: Wishes) -> Wishes:
        """``connection`` wants something else from now on. Returns equal wishes, shared by its cohort.

        Ticks that were pending for it and are still wanted are written first. Costs time in proportion
        to the symbols it held and will hold.
        """
        old = self._cohort_of[connection]
        if old is not None and old.wishes == wishes:
            return old.wishes
        new = self._registry.cohort(wishes, watched=connection.watched) if wishes.symbols else None
        if old is not None:
            self._send_pending(connection, old, wishes.symbols)
        self._cohort_of[connection] = new
        backlog = self._laggards.get(connection)
        if old is not None and backlog is not None:
            old.laggards -= 1
            if new is None:
                self._laggards.pop(connection)
            else:
                new.laggards += 1
                self._arrears.move(backlog, old.wishes.symbols, new.wishes.symbols, self._stamp)
                if not wishes.conflate:
                    # Every tick from now on: how much may wait is the connection's to say, not how long.
                    self._catch_up(connection)
        elif new is not None:
            self._join(connection, new)
        if old is not None:
            self._registry.drop_if_empty(old)
        return new.wishes if new is not None else wishes

    def send_snapshots(self, connection: Member, symbols: Collection[str]) -> None:
        """Write the newest tick of each of ``symbols``, as far as there is one, and the states of those not live.

        ``connection`` holds them all.
        """
        cohort = self._cohort_of[connection]
        if cohort is not None:
            self._send_snapshots(connection, cohort, symbols)
            self.send_states(connection, symbols)

    def send_states(self, connection: Member, symbols: Iterable[str]) -> None:
        """Write the state of each of ``symbols`` that is not live. ``connection`` holds them all."""
        cohort = self._cohort_of[connection]
        if cohort is None or not self._states:
            return
        states = [one for one in map(self._states.get, symbols) if one is not None and one.message.state != "live"]
        if states:
            self._send_states(connection, cohort, states)

    def _send_snapshots(self, connection: Member, cohort: Cohort, symbols: Iterable[str]) -> None:
        ticks = list(filter(None, map(self._last.get, symbols)))
        # What is pending is older than the snapshots, and would follow them.
        backlog = self._send_pending_first(connection, cohort)
        if backlog is not None:
            backlog.ask_snapshots([tick.symbol for tick in ticks], self._stamp)
        else:
            cohort.send_snapshots(connection, ticks, self._stamp)
            self._begin_slices(connection)

    def _send_states(self, connection: Member, cohort: Cohort, states: Sequence[FramedStatus]) -> None:
        backlog = self._send_pending_first(connection, cohort)
        if backlog is not None:
            backlog.ask_states([status.message.symbol for status in states], self._stamp)
        else:
            cohort.send_states(connection, states, self._stamp)
            self._begin_slices(connection)

    def _begin_slices(self, connection: Member) -> None:
        """Where ``connection`` was to be sent too much at once, send the first slice."""
        if connection in self._laggards and connection.drained:
            self._catch_up(connection)

    def _send_pending_first(self, connection: Member, cohort: Cohort) -> Backlog | None:
        """Leave nothing pending for ``connection``; its backlog if it lags, before that or now."""
        if connection not in self._laggards and self._registry.group(cohort.wishes).pending:
            self._send_pending(connection, cohort, cohort.wishes.symbols)
            if connection not in self._laggards:
                self._join(connection, cohort)
        return self._laggards.get(connection)

    def _join(self, connection: Member, cohort: Cohort) -> None:
        assert connection not in self._laggards
        cohort.join(connection, self._stamp, pending=bool(self._registry.group(cohort.wishes).pending))

    def _send_pending(self, connection: Member, cohort: Cohort, symbols: frozenset[str]) -> None:
        """Take ``connection`` out of its cohort, and write what is pending of ``symbols``, unless it lags."""
        if connection in self._laggards:
            return
        seen = cohort.leave(connection)
        pending = self._registry.group(cohort.wishes).pending
        cohort.send(connection, [tick for tick in pending if tick.stamp > seen and tick.symbol in symbols])
        if cohort.due_states and connection not in self._laggards:
            # The others are about to be sent them.
            cohort.lag(connection, Missed(self._stamp, begins=True))

    def _lags(self, cohort: Cohort, connection: Member, missed: Missed) -> None:
        # Who only begins with much has not read too slowly.
        self._counters.lags += not missed.begins
        window = Window(sent=self._unanswered.pop(connection, None))
        if missed.begins:
            window.begin()
        self._laggards.add(connection, self._arrears.begin(missed, cohort.wishes.symbols, window, self._loop.time()))

    def _catch_up(self, connection: Member) -> None:
        """Send what ``connection`` has missed: all of it, and have it back, or as much as it may be sent at once."""
        backlog, cohort = self._laggards.get(connection), self._cohort_of[connection]
        assert backlog is not None
        assert cohort is not None
        wishes, window, now = cohort.wishes, backlog.window, self._loop.time()
        quick = backlog.reads_quickly(wishes.max_hz)
        is_beat = backlog.look(wishes.max_hz, self._stamp, now)
        owed = self._arrears.owed(backlog, wishes.symbols)
        is_back = not wishes.conflate or not owed.order
        is_back = is_back or (is_beat and (quick or window.takes(connection, owed.size)))
        slice_ = self._arrears.take(backlog, owed, wishes.symbols, self._stamp, whole=is_back)
        if slice_.is_all_that_was_due:
            backlog.rest(now)
        blob = self._lag_notice(slice_.conflated, connection.encoding)
        blob += cohort.slice_blob(slice_.ticks, slice_.snapshots, slice_.states)
        if is_back:
            self._laggards.pop(connection)
            cohort.laggards -= 1
            self._join(connection, cohort)
        elif blob:
            backlog.since = now
            blob = window.wrap(blob, self.next_number, now)
        if blob and wishes.conflate:
            connection.send(blob)
        elif blob:
            connection.enqueue(blob)

    def _lag_notice(self, conflated: int, encoding: Encoding) -> bytes:
        """What says that so many ticks were replaced by newer ones; nothing where none was."""
        if conflated <= 0:
            return b""
        self._counters.ticks_conflated += conflated
        return message_frame(Lag(conflated=conflated), encoding)
