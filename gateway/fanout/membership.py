"""The membership of each connection. Only this module changes it. No I/O, and no clock except the one passed in.

A connection holds cohorts: none, one, or one for each of its sets of options. The whole connection is *fast* or
*slow*:

- **fast**: in each of its cohorts it is a member, or a newcomer that has already seen the pending ticks there;
- **slow**: it has a backlog, and is among the ``slow`` of each of its conflating cohorts. In a cohort of every tick no
  connection is slow: it stays a member or newcomer there, and bytes that do not drain are queued.

Each method is one transition. After each one these rules hold for every connection, and the registry has a cohort
exactly while some connection holds it. No other code moves connections, with one exception: a flush of a cohort turns
all its newcomers into members.
"""

from collections.abc import Callable, Iterable, Mapping

from gateway.fanout.cohorts.cohort import Cohort
from gateway.fanout.cohorts.member import Member, Missed, Subscription
from gateway.fanout.cohorts.window import Reader, UnansweredPing, Window
from gateway.fanout.pacing.flush_scheduler import Throttle
from gateway.fanout.pacing.load import LoopLoad
from gateway.fanout.registry import Registry
from gateway.fanout.slow.backlog import Backlogs, SlowConsumer
from gateway.fanout.slow.slow_consumers import SlowConsumers
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick

Cohorts = tuple[Cohort, ...]
"""The cohorts of a connection; they have no topic in common."""


class Membership:
    """All connections of a gateway: which cohorts each holds, and which of them are slow."""

    def __init__(
        self,
        backlogs: Backlogs,
        slow: SlowConsumers,
        newest_offset: Callable[[], int],
        clock: Callable[[], float],
        counters: Counters,
        *,
        next_number: Callable[[], int],
        throttle: Throttle,
        load: LoopLoad,
        last: Mapping[str, FramedTick],
    ) -> None:
        """``slow`` keeps the slow consumers; only this object changes them.

        ``newest_offset`` is that of the newest tick.

        ``next_number`` numbers pings. ``clock`` is the event loop's, in seconds, and ``load`` is the load on it.

        ``last`` has the newest tick of each topic.
        """
        self._backlogs = backlogs
        self._slow = slow
        self._newest_offset = newest_offset
        self._clock = clock
        self._counters = counters
        self._cohorts_of: dict[Member, Cohorts] = {}
        self.unanswered: dict[Reader, UnansweredPing] = {}
        """The pings of former cohorts that connections have not answered yet."""
        self.registry = Registry(
            self.fall_behind,
            counters,
            next_number=next_number,
            unanswered=self.unanswered,
            published=newest_offset,
            throttle=throttle,
            load=load,
            last=last,
        )
        self.consumer_of = slow.get
        """What a slow connection has missed; None for a fast one."""

    @property
    def connections(self) -> Mapping[Member, Cohorts]:
        """All connections, subscribed or not, with their cohorts."""
        return self._cohorts_of

    def cohorts_of(self, connection: Member) -> Cohorts:
        """The cohorts that ``connection`` holds; none if it is not here."""
        return self._cohorts_of.get(connection, ())

    def conflating(self, connection: Member) -> Cohorts:
        """Its cohorts in which it can be slow."""
        cohorts = self.cohorts_of(connection)
        return tuple(cohort for cohort in cohorts if cohort.subscription.rule == "latest")

    def add(self, connection: Member) -> None:
        """Not here → fast, holding nothing."""
        assert connection not in self._cohorts_of
        self._cohorts_of[connection] = ()

    def remove(self, connection: Member) -> None:
        """Any state → not here."""
        cohorts = self._cohorts_of.pop(connection)
        self._slow.pop(connection)
        self._leave(connection, cohorts)
        self.unanswered.pop(connection, None)

    def hold(self, connection: Member, cohorts: Cohorts) -> None:
        """Fast or slow, with some cohorts → the same with other ``cohorts``.

        A slow connection keeps its backlog of the topics that it still holds. If none of its cohorts conflates, it is
        fast. For a fast one, pending ticks of the cohorts that it leaves must have been written before.
        """
        before, consumer = self._cohorts_of[connection], self._slow.get(connection)
        if consumer is not None:
            self._backlogs.move(consumer, _latest(before), _latest(cohorts), self._newest_offset())
        self._cohorts_of[connection] = cohorts
        for cohort in cohorts:
            if cohort in before:
                continue
            if consumer is not None and cohort.subscription.rule == "latest":
                cohort.join_slow(connection)
            else:
                self._join(connection, cohort)
        if before:
            self._leave(connection, [cohort for cohort in before if cohort not in cohorts])
        if consumer is not None and not any(cohort.subscription.rule == "latest" for cohort in cohorts):
            self._slow.pop(connection)

    def has_seen_pending(self, connection: Member, cohort: Cohort) -> None:
        """Member or newcomer of ``cohort`` → newcomer that was just sent the pending ticks there."""
        assert connection not in cohort.slow
        # Else it would count as informed of them.
        assert not cohort.due_states
        cohort.leave(connection)
        self._join(connection, cohort)

    def fall_behind(self, cohort: Cohort, connection: Member, missed: Missed, mark: int | None = None) -> None:
        """Fast → slow: ``connection`` could not be sent the ``missed`` data of ``cohort``, or has not read it.

        It has also missed the pending ticks of its other cohorts. ``mark`` is the newest mark that it was sent in
        ``cohort``, if that is not the newest of all.
        """
        cohorts, newest = self.conflating(connection), self._newest_offset()
        assert cohort in cohorts
        assert connection not in self._slow
        others = []
        for one in cohorts:
            unsent = one.unsent_states(connection)
            if len(cohorts) == 1:
                # The backlog finds younger ones by their offsets.
                unsent = [status for status in unsent if status.offset <= missed.offset]
            missed.states.update(status.topic for status in unsent)
            if one is not cohort:
                unseen = one.held(one.group.unsent(one, cohort), one.seen_by(connection, 0))
                # A tick that is just being published is not counted yet.
                others.append((one.subscription.topics, [tick for tick in unseen if tick.offset <= newest]))
        # Only the last of its unanswered pings counts.
        for one in sorted(cohorts, key=lambda one: one.newest_mark, reverse=True):
            one.set_aside(connection, mark if one is cohort else None)
        # A connection that only begins with much data has not read too slowly.
        self._counters.lags += not missed.begins
        window = Window(sent=self.unanswered.pop(connection, None), blind=not connection.encoding.pings)
        if missed.begins:
            window.begin()
        consumer = self._backlogs.begin(missed, cohort.subscription.topics, window, self._clock(), others, newest)
        self._slow.add(connection, consumer)

    def come_back(self, connection: Member) -> SlowConsumer:
        """Slow → fast: it was sent everything that it had missed. Return its former record."""
        consumer = self._slow.pop(connection)
        assert consumer is not None
        for cohort in self.conflating(connection):
            cohort.leave(connection)
            self._join(connection, cohort)
        return consumer

    def _join(self, connection: Member, cohort: Cohort) -> None:
        pending, due = bool(cohort.group.pending), bool(cohort.due_states)
        if pending or due:
            cohort.join_later(connection, self._newest_offset(), pending=pending, due=due)
        else:
            cohort.join(connection)

    def _leave(self, connection: Member, cohorts: Iterable[Cohort]) -> None:
        for cohort in cohorts:
            cohort.leave(connection)
            self.registry.drop_if_empty(cohort)


def _latest(cohorts: Cohorts) -> list[Subscription]:
    """The subscriptions of cohorts in which a connection can be slow."""
    return [cohort.subscription for cohort in cohorts if cohort.subscription.rule == "latest"]
