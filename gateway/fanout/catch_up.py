"""How slow connections catch up: slice by slice to the newest prices, then back into their cohorts.

`gateway.fanout.membership` says who is slow, `gateway.fanout.slow.backlog` what each is owed,
`gateway.fanout.cohorts.window` how much may be sent at once, and `gateway.fanout.slow.slow_consumers` when to check
again.
"""

from collections.abc import Callable, Sequence

from gateway.fanout.cohorts.cohort import Cohort
from gateway.fanout.cohorts.member import Member, Subscription
from gateway.fanout.membership import Membership
from gateway.fanout.slow.backlog import Backlogs, topics_of
from gateway.fanout.slow.slow_consumers import SlowConsumers
from gateway.metrics.counters import Counters
from gateway.protocol.encoding import Encoding
from gateway.protocol.messages import Lag


class CatchUp:
    """Sends slow connections what they are owed."""

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
        """``newest_offset`` is the offset of the newest tick; ``clock`` is the event loop's, in seconds."""
        self._membership = membership
        self._slow_consumers = slow_consumers
        self._backlogs = backlogs
        self._newest_offset = newest_offset
        self._clock = clock
        self._counters = counters
        self.limit, self.wake = slow_consumers.limit, slow_consumers.wake
        self.consumer_of = slow_consumers.get
        self.next_number = next_number
        """The number of the next ping; numbers grow."""

    def __len__(self) -> int:
        return len(self._slow_consumers)

    def __contains__(self, connection: object) -> bool:
        return connection in self._slow_consumers

    def begin(self, connection: Member) -> None:
        """Send the first slice, if ``connection`` was to be sent too much at once."""
        if connection in self._slow_consumers and connection.drained:
            self.catch_up(connection)

    def answered(self, connection: Member, number: int) -> bool:
        """``connection``, slow or not, has read everything up to a ping.

        False if no ping of that number was sent, or it was answered before.
        """
        consumer, now = self._slow_consumers.get(connection), self._clock()
        if consumer is None:
            unanswered = self._membership.unanswered
            carried = unanswered.get(connection)
            if carried is not None and carried.last == number:
                # It may hold nothing any longer.
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
        """``connection`` has read everything up to a ping of that number, such as a keepalive ping."""
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
        """Send what ``connection`` has missed: all of it, or as much as it may be sent at once.

        After all of it, the connection is fast again.
        """
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
            its = cohort.blob(share)
            blob += its
            cohort.count(share, its)
        if is_back:
            self._membership.come_back(connection)
        elif blob:
            consumer.since = now
            blob = window.wrap(blob, self.next_number, now)
        if blob:
            connection.send(blob)

    def hand_over(self, connection: Member, before: Sequence[Subscription], every: Sequence[Cohort]) -> None:
        """Write what ``connection``, which is slow, is owed of topics that cohorts of ``every`` tick will hold.

        ``before`` is what it has held so far. The connection itself bounds how much may wait, not for how long.
        """
        consumer = self._slow_consumers.get(connection)
        assert consumer is not None
        wanted = topics_of([cohort.subscription for cohort in every])
        backlog = self._backlogs.of(consumer, before)
        slice_ = self._backlogs.take(consumer, backlog, topics_of(before), self._newest_offset(), whole=wanted)
        blob = self._lag_notice(slice_.conflated, connection.encoding)
        for cohort in every:
            share = slice_.share(cohort.subscription.topics)
            its = cohort.blob(share)
            blob += its
            cohort.count(share, its)
        if blob:
            connection.enqueue(blob)

    def _lag_notice(self, conflated: int, encoding: Encoding) -> bytes:
        """The notice that so many ticks were replaced by newer ones; empty if none was."""
        if conflated <= 0:
            return b""
        self._counters.ticks_conflated += conflated
        return encoding.message_frame(Lag(conflated=conflated))
