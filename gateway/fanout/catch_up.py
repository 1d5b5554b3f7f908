"""The way of slow connections: slice by slice to the newest prices, and back into their cohorts.

`gateway.fanout.membership` says who is slow. What one misses is reckoned by `gateway.fanout.backlog`, how much of it
may be sent at once by `gateway.fanout.window`, and when to look again is for `gateway.fanout.slow_consumers`.
"""

from collections.abc import Callable, Sequence

from gateway.fanout.backlog import Backlogs, topics_of
from gateway.fanout.cohort import Cohort
from gateway.fanout.member import Member, Subscription
from gateway.fanout.membership import Membership
from gateway.fanout.slow_consumers import SlowConsumers
from gateway.metrics import Counters
from gateway.protocol.encoding import Encoding
from gateway.protocol.messages import Lag


class CatchUp:
    """All slow connections of a gateway."""

    def __init__(
        self,
        membership: Membership,
        slow_consumers: SlowConsumers,
        backlogs: Backlogs,
        newest_offset: Callable[[], int],
        clock: Callable[[], float],
        counters: Counters,
        *,
        next_number: Callable[[], int],
    ) -> None:
        """``newest_offset`` is that of the newest tick there is; ``clock`` is the event loop's, in seconds."""
        self._membership = membership
        self._slow_consumers = slow_consumers
        self._backlogs = backlogs
        self._newest_offset = newest_offset
        self._clock = clock
        self._counters = counters
        self.limit, self.wake = slow_consumers.limit, slow_consumers.wake
        self.consumer_of = slow_consumers.get
        self.next_number = next_number
        """Of pings; they grow."""

    def __len__(self) -> int:
        return len(self._slow_consumers)

    def __contains__(self, connection: object) -> bool:
        return connection in self._slow_consumers

    def begin(self, connection: Member) -> None:
        """Where ``connection`` was to be sent too much at once, send the first slice."""
        if connection in self._slow_consumers and connection.drained:
            self.catch_up(connection)

    def answered(self, connection: Member, number: int) -> bool:
        """``connection`` has read everything up to a ping, slow or not.

        False if it was sent none of that number, or has answered it.
        """
        consumer, now = self._slow_consumers.get(connection), self._clock()
        if consumer is None:
            unanswered = self._membership.unanswered
            carried = unanswered.get(connection)
            if carried is not None and carried.last == number:
                # It may hold nothing any more.
                del unanswered[connection]
                return True
            cohorts = self._membership.cohorts_of(connection)
            if not any(cohort.answered(connection, number, now) for cohort in cohorts):
                return False
            if len(cohorts) > 1:
                self.read_up_to(connection, number)
            return True
        if not consumer.window.answer(connection, number, now):
            return False
        consumer.since = now
        if connection.drained and not consumer.waits(connection, now):
            self.catch_up(connection)
        return True

    def read_up_to(self, connection: Member, number: int) -> None:
        """``connection`` has read everything up to a ping of that number, as the heartbeat's."""
        unanswered = self._membership.unanswered
        carried = unanswered.get(connection)
        if carried is not None and carried.last <= number:
            del unanswered[connection]
        consumer = self._slow_consumers.get(connection)
        if consumer is not None:
            sent = consumer.window.sent
            if sent is not None and sent.last <= number:
                self.answered(connection, sent.last)
        else:
            for cohort in self._membership.cohorts_of(connection):
                cohort.read_up_to(connection, number)

    def catch_up(self, connection: Member) -> None:
        """Send what ``connection`` has missed: all of it, and have it back, or as much as it may be sent at once."""
        consumer, cohorts = self._slow_consumers.get(connection), self._membership.conflating(connection)
        assert consumer is not None
        wants = [cohort.subscription for cohort in cohorts]
        rates = {subscription.max_hz for subscription in wants}
        window, now, offset, topics = consumer.window, self._clock(), self._newest_offset(), topics_of(wants)
        quick = consumer.reads_quickly(rates)
        begins_round = consumer.look(rates, offset, now)
        backlog = self._backlogs.of(consumer, wants)
        is_back = not backlog.order
        if begins_round and not backlog.later:
            is_back = is_back or quick or window.takes(connection, backlog.size)
        slice_ = self._backlogs.take(consumer, backlog, topics, offset, whole=topics if is_back else ())
        if slice_.is_all_that_was_due:
            consumer.rest(now)
        blob = self._lag_notice(slice_.conflated, connection.encoding)
        for cohort in cohorts:
            share = slice_.share(cohort.subscription.topics)
            blob += cohort.blob(share)
            cohort.count(share)
        if is_back:
            self._membership.come_back(connection)
        elif blob:
            consumer.since = now
            blob = window.wrap(blob, self.next_number, now)
        if blob:
            connection.send(blob)

    def hand_over(self, connection: Member, before: Sequence[Subscription], every: Sequence[Cohort]) -> None:
        """Write what ``connection``, which is slow, is owed of what it is to hold in cohorts of ``every`` tick.

        ``before`` is what it has held so far. How much may wait is the connection's to say, not how long.
        """
        consumer = self._slow_consumers.get(connection)
        assert consumer is not None
        wanted = topics_of([cohort.subscription for cohort in every])
        backlog = self._backlogs.of(consumer, before)
        slice_ = self._backlogs.take(consumer, backlog, topics_of(before), self._newest_offset(), whole=wanted)
        blob = self._lag_notice(slice_.conflated, connection.encoding)
        for cohort in every:
            share = slice_.share(cohort.subscription.topics)
            blob += cohort.blob(share)
            cohort.count(share)
        if blob:
            connection.enqueue(blob)

    def _lag_notice(self, conflated: int, encoding: Encoding) -> bytes:
        """What says that so many ticks were replaced by newer ones; nothing where none was."""
        if conflated <= 0:
            return b""
        self._counters.ticks_conflated += conflated
        return encoding.message_frame(Lag(conflated=conflated))
