"""Symbol → groups → cohorts: every tick goes to those that hold its symbol.

`publish` is plain code: it makes a tick pending in a group or two and returns, however many clients
there are.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from gateway.fanout.arrears import Arrears, Backlog
from gateway.fanout.bursts import Bursts
from gateway.fanout.catching_up import CatchingUp
from gateway.fanout.cohort import Cohort
from gateway.fanout.flush_scheduler import Rest
from gateway.fanout.group import FAULT, Group
from gateway.fanout.member import Member, Missed, Wishes
from gateway.fanout.registry import Registry
from gateway.metrics import Counters
from gateway.protocol.forms import FramedStatus, FramedTick
from gateway.protocol.messages import Message

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
        self._cohort_of: dict[Member, Cohort | None] = {}
        self._stamp = 0
        self._published: Counter[str] = Counter()
        """Ticks ever published, by symbol: what is conflated for a laggard is counted by it."""
        arrears = Arrears(last, states, self._published)
        self.slow = CatchingUp(arrears, self._join, lambda: self._stamp, counters, lag_timeout_s=lag_timeout_s)
        """Those who do not drain or read in time."""
        self._registry = Registry(
            self.slow.add,
            counters,
            next_number=self.slow.next_number,
            unanswered=self.slow.unanswered,
            rest=rest,
            timer=timer,
        )
        self._groups_of = self._registry.groups_of
        self._bursts = Bursts(self._send_due_states, timer)

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
        encodings = {connection.encoding for connection in self.connections}
        frames = {encoding: encoding.message_frame(message) for encoding in encodings}
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
        self.slow.wake()

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
            if not self.slow.forget(connection):
                cohort.leave(connection)
            self._registry.drop_if_empty(cohort)
        self.slow.unanswered.pop(connection, None)

    def answered(self, connection: Member, number: int) -> bool:
        """``connection`` has read everything up to a ping; False if it was sent none of that number, or answered it."""
        return self.slow.answered(connection, self._cohort_of.get(connection), number)

    def read_up_to(self, connection: Member, number: int) -> None:
        """``connection`` has answered the heartbeat's ping of that number: it need not answer those before it.

        It may answer only the last of several (RFC 6455, section 5.5.3).
        """
        self.slow.read_up_to(connection, self._cohort_of.get(connection), number)

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
        if connection in self.slow:
            self.slow.move(connection, new)
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
        if connection in self.slow:
            if new is None:
                self.slow.forget(connection)
            else:
                self.slow.move(connection, new)
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
            self.slow.begin(connection)

    def _send_states(self, connection: Member, cohort: Cohort, states: Sequence[FramedStatus]) -> None:
        backlog = self._send_pending_first(connection, cohort)
        if backlog is not None:
            backlog.ask_states([status.message.symbol for status in states], self._stamp)
        else:
            cohort.send_states(connection, states, self._stamp)
            self.slow.begin(connection)

    def _send_pending_first(self, connection: Member, cohort: Cohort) -> Backlog | None:
        """Leave nothing pending for ``connection``; its backlog if it lags, before that or now."""
        if connection not in self.slow and self._registry.group(cohort.wishes).pending:
            self._send_pending(connection, cohort, cohort.wishes.symbols)
            if connection not in self.slow:
                self._join(connection, cohort)
        return self.slow.backlog_of(connection)

    def _join(self, connection: Member, cohort: Cohort) -> None:
        assert connection not in self.slow
        cohort.join(connection, self._stamp, pending=bool(self._registry.group(cohort.wishes).pending))

    def _send_pending(self, connection: Member, cohort: Cohort, symbols: frozenset[str]) -> None:
        """Take ``connection`` out of its cohort, and write what is pending of ``symbols``, unless it lags."""
        if connection in self.slow:
            return
        seen = cohort.leave(connection)
        pending = self._registry.group(cohort.wishes).pending
        cohort.send(connection, [tick for tick in pending if tick.stamp > seen and tick.symbol in symbols])
        if cohort.due_states and connection not in self.slow:
            # The others are about to be sent them.
            cohort.lag(connection, Missed(self._stamp, begins=True))
