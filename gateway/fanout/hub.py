"""Topic → groups → cohorts: every tick goes to the groups that hold its topic.

`publish` makes a tick pending in a group or two and returns, however many clients there are. It waits for nobody.
"""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, MutableMapping, Sequence

from gateway.fanout.catch_up import CatchUp
from gateway.fanout.cohorts.bursts import Bursts
from gateway.fanout.cohorts.cohort import Cohort
from gateway.fanout.cohorts.group import Group
from gateway.fanout.cohorts.member import Member, Missed, Share, Subscription
from gateway.fanout.membership import Cohorts, Membership
from gateway.fanout.pacing.flush_scheduler import Throttle
from gateway.fanout.pacing.load import LoopLoad
from gateway.fanout.slow.backlog import Backlogs, topics_of
from gateway.fanout.slow.slow_consumers import SlowConsumers
from gateway.log_events import COHORT_NOT_FLUSHED
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedStatus, FramedTick
from gateway.protocol.messages import Message
from market.prices.tick import Tick

logger = logging.getLogger(__name__)


class Hub:
    """All connections of a gateway, by what they want."""

    def __init__(
        self,
        last: MutableMapping[str, FramedTick],
        states: Mapping[str, FramedStatus],
        counters: Counters,
        *,
        lag_timeout_s: float,
        throttle: Throttle,
        load: LoopLoad,
    ) -> None:
        """``last`` is each topic's newest tick, kept by the feed; ``load`` is that of the event loop.

        ``states`` has the state of every topic that has ever been other than live.
        """
        self.load = load
        self.find: Callable[[str], FramedTick | None] = lambda _topic: None
        """The newest update of a topic that has none among the last values, because nobody has wanted it."""
        self._last = last
        self._states = states
        self._offset = 0
        """The offset of the newest tick or state that all its holders were given."""
        self._published: Counter[str] = Counter()
        """Ticks ever published, by topic. It gives the count of ticks conflated for a slow connection."""
        clock, next_number = asyncio.get_running_loop().time, itertools.count(1).__next__
        backlogs = Backlogs(last, states, self._published)
        slow_consumers = SlowConsumers(lag_timeout_s, lambda connection: self.slow.catch_up(connection))
        self.membership = Membership(
            backlogs,
            slow_consumers,
            lambda: self._offset,
            clock,
            counters,
            next_number=next_number,
            throttle=throttle,
            load=load,
            last=last,
        )
        """Which connection holds what, and which are slow."""
        self.slow = CatchUp(
            self.membership, slow_consumers, backlogs, lambda: self._offset, clock, counters, next_number=next_number
        )
        """The connections that do not drain or read in time."""
        self._registry = self.membership.registry
        self._groups_of = self._registry.groups_of
        self._bursts = Bursts(self._send_due_states, load.timer)
        self.add, self.remove = self.membership.add, self.membership.remove

    @property
    def connections(self) -> Iterable[Member]:
        """All connections, subscribed or not."""
        return tuple(self.membership.connections)

    def __len__(self) -> int:
        return len(self.membership.connections)

    @property
    def cohorts(self) -> tuple[Cohort, ...]:
        """The clients by what they want."""
        return self._registry.all

    @property
    def groups(self) -> tuple[Group, ...]:
        """The cohorts that are flushed together."""
        return self._registry.groups

    @property
    def cohort_count(self) -> int:
        """The number of different subscriptions."""
        return self._registry.cohort_count

    @property
    def held(self) -> Container[str]:
        """The topics that somebody holds; always up to date."""
        return self._groups_of

    def publish(self, tick: FramedTick) -> None:
        """Make ``tick``, one of the last values already, and of a `held` topic, pending wherever it is wanted."""
        topic = tick.topic
        tick.offset = offset = self._offset + 1
        for group in self._groups_of.get(topic, ()):
            group.offer(tick)
        # Only now: a connection that falls behind meanwhile was not given the tick in every group, and is owed it.
        self._offset = offset
        self._published[topic] += 1

    def broadcast(self, message: Message) -> None:
        """Send ``message`` to all connections, behind every tick published before it."""
        for group in self._registry.groups:
            group.flush()
        encodings = {connection.encoding for connection in self.connections}
        frames = {encoding: encoding.message_frame(message) for encoding in encodings}
        for connection in self.connections:
            connection.reply(frames[connection.encoding])

    def publish_states(self, changed: Sequence[FramedStatus]) -> None:
        """Send ``changed``, which are among the states already, behind every tick published before."""
        since = self._offset
        states: dict[str, FramedStatus] = {}
        groups: dict[Group, None] = {}
        for status in changed:
            status.offset = self._offset = self._offset + 1
            topic = status.topic
            states[topic] = status
            groups.update(self._groups_of.get(topic, ()))
        # Noted before any is sent: a connection that falls behind meanwhile is owed exactly the unsent ones.
        owing = {
            group: [cohort for cohort in group.cohorts.holding(states) if cohort.owe_states(states)] for group in groups
        }
        for group, cohorts in owing.items():
            group.flush()
            for cohort in cohorts:
                try:
                    if cohort not in self._bursts and cohort.publish_states(since):
                        self._bursts.add(cohort)
                except Exception:
                    logger.exception(COHORT_NOT_FLUSHED)
        self.slow.wake()

    def _send_due_states(self, cohort: Cohort) -> bool:
        """Send the next due states of ``cohort``; return whether these were the last."""
        if not len(cohort):
            return True
        group = cohort.group
        return not cohort.send_due_states(group.flushed(self._offset), group.pending)

    def answered(self, connection: Member, number: int) -> bool:
        """``connection`` has read everything up to a ping; False if no answer to this number was due."""
        return self.slow.answered(connection, number)

    def read_up_to(self, connection: Member, number: int) -> None:
        """``connection`` has answered the keepalive ping of that number, and need not answer earlier ones.

        It may answer only the last of several (RFC 6455, section 5.5.3).
        """
        self.slow.read_up_to(connection, number)

    def read_late(self, connection: Member) -> None:
        """``connection`` has read data long after the kernel passed it on: something on the way buffers."""
        if connection.watched:
            return
        connection.watched = True
        before = self.membership.cohorts_of(connection)
        self._move(connection, self._registry.cohorts([one.subscription for one in before], watched=True))
        watched = self.membership.conflating(connection)
        if watched and connection not in self.slow:
            self.membership.fall_behind(watched[0], connection, Missed(self._offset))

    def read_promptly(self, connection: Member) -> None:
        """``connection``, behind no proxy, has read at once what it was sent: it needs no marks any more."""
        if connection.watched and connection not in self.slow:
            connection.watched = False
            before = self.membership.cohorts_of(connection)
            self._move(connection, self._registry.cohorts([one.subscription for one in before], watched=False))

    def move(self, connection: Member, wants: tuple[Subscription, ...]) -> tuple[Subscription, ...]:
        """``connection`` wants something else from now on: topics, each with one set of options.

        Returns an equal object, shared by all that want only the same one thing. Ticks that are pending for it and
        still wanted are written first. Takes time in proportion to the topics it held and will hold.
        """
        cohorts = self._registry.cohorts(wants, watched=connection.watched)
        self._move(connection, cohorts)
        return cohorts[0].wants if len(cohorts) == 1 else wants

    def _move(self, connection: Member, cohorts: Cohorts) -> None:
        before = self.membership.cohorts_of(connection)
        if cohorts == before:
            return
        if before:
            wanted = topics_of([one.subscription for one in cohorts])
            for cohort in before:
                if cohort not in cohorts:
                    self._write_pending(connection, cohort, wanted)
            if self.slow.consumer_of(connection) is not None:
                self._hand_over(connection, before, cohorts)
        self.membership.hold(connection, cohorts)

    def _hand_over(self, connection: Member, before: Cohorts, cohorts: Cohorts) -> None:
        """Write to ``connection``, which is slow, what it is owed where every tick is due from now on."""
        every = [one for one in cohorts if one not in before and one.subscription.rule == "every"]
        if every:
            latest = [one.subscription for one in before if one.subscription.rule == "latest"]
            self.slow.hand_over(connection, latest, every)

    def last_tick(self, topic: str) -> Tick | None:
        """The newest tick of ``topic``; None before the first."""
        framed = self._last.get(topic)
        return framed.tick if framed is not None and isinstance(framed.tick, Tick) else None

    def send_snapshots(self, connection: Member, topics: Collection[str]) -> None:
        """Write the newest tick of each of ``topics`` that has one, and the states of those that are not live.

        ``connection`` holds them all.
        """
        newest = list(filter(None, map(self._last.get, topics)))
        if len(newest) < len(topics):
            newest = [found for topic in topics if (found := self._newest(topic)) is not None]
        self._send(connection, topics, newest)

    def _newest(self, topic: str) -> FramedTick | None:
        newest = self._last.get(topic)
        if newest is None and (newest := self.find(topic)) is not None:
            self._last[topic] = newest
        return newest

    def send_states(self, connection: Member, topics: Collection[str]) -> None:
        """Write the state of each of ``topics`` that is not live. ``connection`` holds them all."""
        self._send(connection, topics, [])

    def send_none(self, connection: Member, topics: Collection[str]) -> None:
        """Write no snapshots of ``topics``, which ``connection`` holds: the next tick of each is news for it."""
        for cohort in self.membership.cohorts_of(connection):
            its = cohort.subscription
            # Elsewhere every tick is news: whoever is there does not pay for this.
            if its.encoding.news is not None:
                cohort.group.expect(its.topics.intersection(topics))

    def _send(self, connection: Member, topics: Collection[str], snapshots: Sequence[FramedTick]) -> None:
        known = map(self._states.get, topics) if self._states else ()
        states = [one for one in known if one is not None and one.message.state != "live"]
        if not (snapshots or states):
            return
        consumer_of = self.slow.consumer_of
        was_slow = consumer_of(connection) is not None
        cohorts = self.membership.cohorts_of(connection)
        for cohort in cohorts:
            held = cohort.subscription.topics
            if len(cohorts) == 1:
                share = Share(snapshots=snapshots, states=states)
            else:
                share = Share(
                    snapshots=[tick for tick in snapshots if tick.topic in held],
                    states=[status for status in states if status.topic in held],
                )
            if not (share.snapshots or share.states):
                continue
            cohort.group.told(share.snapshots)
            # Pending ticks are older, and would follow.
            if cohort.group.pending:
                self._write_pending(connection, cohort, held)
            consumer = consumer_of(connection)
            if consumer is not None and connection in cohort.slow:
                consumer.ask_snapshots([tick.topic for tick in share.snapshots], self._offset)
                consumer.ask_states([status.topic for status in share.states], self._offset)
            else:
                cohort.send(connection, share, self._offset)
        if not was_slow and consumer_of(connection) is not None:
            self.slow.begin(connection)

    def _write_pending(self, connection: Member, cohort: Cohort, topics: frozenset[str]) -> None:
        """Write the pending ticks of ``topics``, the only ones still wanted of ``cohort``, unless it is slow there."""
        if connection in cohort.slow:
            return
        window = cohort.group.pending
        pending = cohort.held(window, cohort.seen_by(connection, 0)) if window else []
        cohort.send(connection, Share([tick for tick in pending if tick.topic in topics]))
        if cohort.due_states and connection not in cohort.slow:
            # The others are about to be sent them.
            self.membership.fall_behind(cohort, connection, Missed(self._offset, begins=True))
        elif pending and connection not in cohort.slow:
            # Another write may find it slow, and then it is not owed this again.
            self.membership.has_seen_pending(connection, cohort)
