"""Where each connection stands: the one owner of that. No I/O, no clock but the one that is passed in.

A connection holds cohorts: none, one, or one for each set of options that it asked for. It is *fast* or *slow*, which
is a state of the whole connection:

- **fast**: in each of its cohorts it is a member, or a newcomer, which has already seen what is pending there;
- **slow**: it has a backlog, and is among the ``slow`` of each of its cohorts that conflates. Where every tick is due
  nobody is slow: there it stays a member or newcomer, and what does not drain is queued.

Each method is one transition, after which this holds again for every connection, and a cohort is known to the registry
just as long as anybody holds it. Nobody else changes these places, but for a cohort that turns all its newcomers into
members when it is flushed.
"""

from collections.abc import Callable, Iterable, Mapping

from gateway.fanout.arrears import Arrears, SlowConsumer
from gateway.fanout.cohort import Cohort
from gateway.fanout.flush_scheduler import Throttle
from gateway.fanout.member import Member, Missed, Subscription
from gateway.fanout.registry import Registry
from gateway.fanout.slow_consumers import SlowConsumers
from gateway.fanout.window import Reader, Sent, Window
from gateway.metrics import Counters

Cohorts = tuple[Cohort, ...]
"""What a connection holds: cohorts without a topic in common."""


class Membership:
    """All connections of a gateway, the cohorts that they hold, and who of them is slow."""

    def __init__(
        self,
        arrears: Arrears,
        slow: SlowConsumers,
        newest_offset: Callable[[], int],
        clock: Callable[[], float],
        counters: Counters,
        *,
        next_number: Callable[[], int],
        throttle: Throttle,
        timer: Callable[[], float],
    ) -> None:
        """``slow`` keeps the backlogs, which only this object changes; ``newest_offset`` is that of the newest tick.

        ``next_number`` is for pings; ``timer`` measures flushes, and ``clock`` is the event loop's, in seconds.
        """
        self._arrears = arrears
        self._slow = slow
        self._newest_offset = newest_offset
        self._clock = clock
        self._counters = counters
        self._cohorts_of: dict[Member, Cohorts] = {}
        self.unanswered: dict[Reader, Sent] = {}
        """Who is still to answer a ping that a cohort before was sent."""
        self.registry = Registry(
            self.fall_behind,
            counters,
            next_number=next_number,
            unanswered=self.unanswered,
            throttle=throttle,
            timer=timer,
        )
        self.consumer_of = slow.get
        """What a slow connection has missed; None of a fast one."""

    @property
    def connections(self) -> Mapping[Member, Cohorts]:
        """Everyone, subscribed or not, with the cohorts that they hold."""
        return self._cohorts_of

    def cohorts_of(self, connection: Member) -> Cohorts:
        """The cohorts that ``connection`` holds; none where it is not here (any more)."""
        return self._cohorts_of.get(connection, ())

    def conflating(self, connection: Member) -> Cohorts:
        """Those of them in which it can be slow."""
        cohorts = self.cohorts_of(connection)
        return tuple(cohort for cohort in cohorts if cohort.subscription.rule == "latest")

    def add(self, connection: Member) -> None:
        """Not here → fast, holding nothing."""
        assert connection not in self._cohorts_of
        self._cohorts_of[connection] = ()

    def remove(self, connection: Member) -> None:
        """Anything → not here: nothing of it is left."""
        cohorts = self._cohorts_of.pop(connection)
        self._slow.pop(connection)
        self._leave(connection, cohorts)
        self.unanswered.pop(connection, None)

    def hold(self, connection: Member, cohorts: Cohorts) -> None:
        """Fast or slow, with some cohorts → the same with other ``cohorts``.

        A slow one keeps its backlog for what it holds further on; where nothing is left that conflates, it is fast.
        What is pending in cohorts that it leaves must have been written to a fast one before.
        """
        before, consumer = self._cohorts_of[connection], self._slow.get(connection)
        if consumer is not None:
            self._arrears.move(consumer, _latest(before), _latest(cohorts), self._newest_offset())
        self._cohorts_of[connection] = cohorts
        for cohort in cohorts:
            if cohort in before:
                continue
            if consumer is not None and cohort.subscription.rule == "latest":
                cohort.join_slow(connection)
            else:
                self._join(connection, cohort)
        self._leave(connection, [cohort for cohort in before if cohort not in cohorts])
        if consumer is not None and not any(cohort.subscription.rule == "latest" for cohort in cohorts):
            self._slow.pop(connection)

    def has_seen_pending(self, connection: Member, cohort: Cohort) -> None:
        """Member or newcomer of ``cohort`` → newcomer that was just sent what is pending there."""
        assert connection not in cohort.slow
        # It would be taken to know these.
        assert not cohort.due_states
        cohort.leave(connection)
        self._join(connection, cohort)

    def fall_behind(self, cohort: Cohort, connection: Member, missed: Missed, mark: int | None = None) -> None:
        """Fast → slow: ``connection`` could not be sent what it has ``missed`` of ``cohort``, or has not read it.

        Of each other cohort of it, which does not know that, it has missed what is pending there. ``mark`` is the
        newest that it was sent in ``cohort``, where that is not the newest there is.
        """
        cohorts, newest = self.conflating(connection), self._newest_offset()
        assert cohort in cohorts
        assert connection not in self._slow
        others = []
        for one in cohorts:
            untold = one.untold(connection)
            if len(cohorts) == 1:
                # Younger ones it is owed by their offsets.
                untold = [status for status in untold if status.offset <= missed.offset]
            missed.states.update(status.topic for status in untold)
            if one is not cohort:
                group = self.registry.group(one.subscription)
                unseen = one.held(group.unsent(one, cohort), one.seen_by(connection, 0))
                # One that is just being published is not counted yet.
                others.append((one.subscription.topics, [tick for tick in unseen if tick.offset <= newest]))
        # Of the pings that it is still to answer the last one counts.
        for one in sorted(cohorts, key=lambda one: one.newest_mark, reverse=True):
            one.set_aside(connection, mark if one is cohort else None)
        # Who only begins with much has not read too slowly.
        self._counters.lags += not missed.begins
        window = Window(sent=self.unanswered.pop(connection, None))
        if missed.begins:
            window.begin()
        consumer = self._arrears.begin(missed, cohort.subscription.topics, window, self._clock(), others, newest)
        self._slow.add(connection, consumer)

    def come_back(self, connection: Member) -> SlowConsumer:
        """Slow → fast: it has been sent all that it had missed. Returns what was its backlog."""
        consumer = self._slow.pop(connection)
        assert consumer is not None
        for cohort in self.conflating(connection):
            cohort.leave(connection)
            self._join(connection, cohort)
        return consumer

    def _join(self, connection: Member, cohort: Cohort) -> None:
        pending = self.registry.group(cohort.subscription).pending
        cohort.join(connection, self._newest_offset(), pending=bool(pending), due=bool(cohort.due_states))

    def _leave(self, connection: Member, cohorts: Iterable[Cohort]) -> None:
        for cohort in cohorts:
            cohort.leave(connection)
            self.registry.drop_if_empty(cohort)


def _latest(cohorts: Cohorts) -> list[Subscription]:
    """What is wanted by cohorts in which one can be slow."""
    return [cohort.subscription for cohort in cohorts if cohort.subscription.rule == "latest"]
