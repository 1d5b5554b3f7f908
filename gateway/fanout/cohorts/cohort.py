"""The connections with equal subscriptions: one blob for all of them per flush.

The pending ticks are kept by the cohort's group (`gateway.fanout.pacing.pending`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from gateway.fanout.cohorts.member import Member, Missed, Share, Subscription
from gateway.fanout.cohorts.places import NONE, Places
from gateway.fanout.cohorts.window import ALONE_BYTES, BURST_MARK_BYTES, MARK_BYTES, STEP_BYTES, Marks
from gateway.metrics.counters import Counters
from gateway.protocol.encoding import Join
from gateway.protocol.forms import Forms, FramedStatus, FramedTick

_COMPRESSED_AT_ONCE = 4
"""Compressing the ticks of a thousand topics takes milliseconds."""

FallBehind = Callable[["Cohort", Member, Missed, int | None], None]
"""Makes a connection slow because it does not drain: see `gateway.fanout.membership.Membership.fall_behind`."""


class GroupView(Protocol):
    """The interface of a group for its cohorts."""

    @property
    def pending(self) -> Collection[FramedTick]:
        """The ticks of the next flush, for all cohorts together."""

    def flushed(self, offset: int, /) -> int:
        """The offset up to which each cohort was sent everything; ``offset`` is that of the newest tick.

        Valid only between flushes; see `unsent`.
        """

    def unsent(self, cohort: "Cohort", at: "Cohort", /) -> Collection[FramedTick]:
        """The ticks still to be sent to ``cohort``: by the present flush if it comes to ``cohort``, else by the next.

        A present flush is at the cohort ``at``.
        """

    def told(self, ticks: Collection[FramedTick]) -> None:
        """Somebody has got ``ticks``, the newest, as snapshots."""

    def expect(self, topics: Collection[str]) -> None:
        """Somebody holds ``topics`` without snapshots: the next tick of each is news, whatever it says."""


class Cohort(Places):
    """Connections with equal subscriptions. The cohort sends to its members and newcomers."""

    __slots__ = (
        "_clock", "_conflates", "_counters", "_fall_behind", "_form", "_join", "_names", "_step", "due_states",
        "group", "subscription", "wants", "watched",
    )  # fmt: skip

    def __init__(
        self,
        subscription: Subscription,
        group: GroupView,
        fall_behind: FallBehind,
        counters: Counters,
        *,
        marks: Marks | None = None,
        clock: Callable[[], float] | None = None,
        watched: bool = False,
    ) -> None:
        """``fall_behind`` receives a connection that does not drain or read, and makes it slow.

        ``marks``, which need a ``clock``, record how far the members have read.
        """
        super().__init__(marks)
        self.subscription = subscription
        self.group = group
        """The group that flushes it."""
        self.wants = (subscription,)
        """All subscriptions of connections that hold only this cohort."""
        self._conflates = subscription.rule == "latest"
        self._names = tuple(subscription.topics)
        self._fall_behind = fall_behind
        self._counters = counters
        self._form = subscription.encoding.form(batch=subscription.batch)
        self._join = subscription.encoding.joiner(batch=subscription.batch, deflate=subscription.deflate)
        self.watched = watched
        """Whether its members are `Member.watched`."""
        self.due_states: dict[str, FramedStatus] = NONE
        """States still to be sent to all members and newcomers except the `informed`, oldest first.

        Every published state is here until it is sent, so a connection that falls behind meanwhile is owed it once.
        """
        self._clock = clock
        self._step = STEP_BYTES
        """Bytes until the marks are checked."""

    def _mark(self, marks: Marks, since: int, count: int, most: int = MARK_BYTES) -> bytes:
        """Let members that have not read fall behind. Return the ping to send behind the present data, if any.

        ``since`` and ``count`` describe what they miss, as for `Missed`. For ``most`` see `Marks.step`.
        """
        assert self._clock is not None
        now, size = self._clock(), STEP_BYTES - self._step
        self._step = STEP_BYTES
        for member in marks.late(self.members, now):
            # If we are late ourselves, its answer has arrived and is not read yet.
            if not member.has_unread:
                self._fall_behind(self, member, Missed(since, count), None)
        return marks.step(size, now, most)

    # Ticks to all.

    def flush_newest(self, window: Forms, since: int) -> None:
        """Write the ticks of ``window``, the newest of each topic, that this cohort holds.

        ``since`` is the offset of the newest tick published before any of them.
        """
        forms = window[self._form]
        names = self._names
        # Either loop runs once per cohort and flush: take the shorter one.
        if len(forms) <= len(names):
            topics = self.subscription.topics
            parts = [form for topic, form in forms.items() if topic in topics]
        else:
            parts = list(filter(None, map(forms.get, names)))
        if parts:
            self._flush(parts, since, window.ticks.values())

    def flush_every(self, ticks: Collection[FramedTick], since: int) -> None:
        """Write every one of ``ticks`` that this cohort holds, in order; ``since`` as for `flush_newest`."""
        form, topics = self._form, self.subscription.topics
        parts = [form(tick) for tick in ticks if tick.topic in topics]
        if parts:
            self._flush(parts, since, ticks)

    def _flush(self, parts: list[bytes], since: int, ticks: Iterable[FramedTick]) -> None:
        members = self.members
        if members:
            blob = self._join(parts)
            if self._conflates:
                mark = None
                if self._marks is not None:
                    mark = self._marks.newest
                    self._step -= len(blob)
                    if self._step < 0:
                        blob += self._mark(self._marks, since, len(parts))
                slow = [member for member in members if not member.send(blob)]
                for member in slow:
                    self._fall_behind(self, member, Missed(since, len(parts)), mark)
            else:
                for member in members:
                    member.enqueue(blob)
            self._counters.ticks_sent += len(parts) * len(members)
            self._counters.fan_out.bytes_sent += len(blob) * len(members)
        if self.newcomers:
            newcomers = self.admit()
            # Each newcomer gets its own ticks. If many came at once, compressing for each would delay everybody.
            join = self._join
            if len(newcomers) > _COMPRESSED_AT_ONCE:
                join = self.subscription.encoding.joiner(batch=self.subscription.batch)
            for newcomer, joined in newcomers.items():
                self.send(newcomer, Share(self.held(ticks, joined)), join=join)

    # States to all.

    def owe_states(self, states: Mapping[str, FramedStatus]) -> bool:
        """Queue those of ``states`` that this cohort holds; return whether there are any."""
        topics = self.subscription.topics
        if len(states) <= len(topics):
            held = {topic: status for topic, status in states.items() if topic in topics}
        else:
            held = {topic: states[topic] for topic in self._names if topic in states}
        if not held:
            return False
        if self.due_states:
            self.due_states.update(held)
        else:
            self.due_states = held
        return True

    def publish_states(self, since: int) -> bool:
        """Write the states of `owe_states` to all, if they are not too many; no tick is pending.

        Return whether some are left for `send_due_states`. ``since`` is the offset of the newest tick published before
        any of them.
        """
        self.admit()
        if not self._conflates:
            states, self.due_states = self.due_states, NONE
            blob = self._states_blob(states.values())
            for member in self.members:
                member.enqueue(blob)
            self._counters.states_sent += len(states) * len(self.members)
            return False
        return self.send_due_states(since, begins=True)

    def send_due_states(self, since: int, pending: Collection[FramedTick] = (), *, begins: bool = False) -> bool:
        """Write some kilobytes of the due states; return whether there are more.

        If a burst ``begins``, its first piece shows which connections do not read at all. ``pending`` are ticks that
        are not flushed yet, all published after the offset ``since``.
        """
        due, members, newcomers = self.due_states, self.members, self.newcomers
        if not members and not newcomers:
            # Only slow connections are left, and their backlogs have these states.
            self.due_states = NONE
            return False
        states = _first(due.values(), self.subscription.encoding.status_frame)
        blob, ping = self._states_blob(states), b""
        self._step -= len(blob)
        mark = self.newest_mark
        begins = begins and len(states) < len(due)
        if self._marks is not None and (begins or self._step < 0):
            most = 0 if begins else BURST_MARK_BYTES
            ping = self._mark(self._marks, since, len(self.held(pending, since)), most)
            blob += ping
        informed = dict(self.informed)
        slow = [member for member in (*members, *newcomers) if member not in informed and not member.send(blob)]
        self._counters.states_sent += len(states) * (len(members) + len(newcomers) - len(informed) - len(slow))
        slow += [member for member, offset in informed.items() if not self._send_news(member, states, offset, ping)]
        for member in slow:
            after = self.seen_by(member, since)
            self._fall_behind(self, member, Missed(after, len(self.held(pending, after))), mark)
        for status in states:
            del due[status.topic]
        if not due:
            self.due_states = self.informed = NONE
        return bool(due)

    def _send_news(self, member: Member, states: Iterable[FramedStatus], since: int, ping: bytes) -> bool:
        """Write to ``member`` the states published after the offset ``since``; return whether it drains."""
        news = [status for status in states if status.offset > since]
        blob = self._states_blob(news) + ping
        if blob and not member.send(blob):
            return False
        self._counters.states_sent += len(news)
        return True

    def unsent_states(self, connection: Member) -> list[FramedStatus]:
        """The due states that a member or newcomer does not know yet."""
        if not self.due_states:
            return []
        offset = self.informed.get(connection, 0)
        return [status for status in self.due_states.values() if status.offset > offset]

    # To one.

    def send(self, connection: Member, share: Share, offset: int | None = None, *, join: Join | None = None) -> None:
        """Write ``share`` to a member or newcomer, its ticks joined by ``join``.

        The connection becomes slow if it does not drain, or if snapshots and states are too much for one write.
        ``offset`` is that of the newest tick; None means the newest one in ``share``.
        """
        ticks, snapshots, states = share.ticks, share.snapshots, share.states
        if not (ticks or snapshots or states):
            return
        blob = self.blob(share, join)
        if self._conflates:
            is_much = not ticks and len(blob) > ALONE_BYTES
            if is_much or not connection.send(blob):
                newest = max(tick.offset for tick in ticks) if offset is None else offset
                owed, asked = ({tick.topic for tick in some} for some in (ticks, snapshots))
                named = {status.topic for status in states}
                missed = Missed(newest, len(ticks), owed, asked, named, begins=is_much)
                self._fall_behind(self, connection, missed, None)
                return
        else:
            connection.enqueue(blob)
        self.count(share, blob)

    def blob(self, share: Share, join: Join | None = None) -> bytes:
        """The bytes of ``share``."""
        blob = self.subscription.encoding.snapshot_frames(share.snapshots)
        if share.ticks:
            blob += (join or self._join)(list(map(self._form, share.ticks)))
        return blob + self._states_blob(share.states) if share.states else blob

    def count(self, share: Share, blob: bytes) -> None:
        """Count ``share`` as written, as ``blob``."""
        self._counters.fan_out.bytes_sent += len(blob)
        self._counters.ticks_sent += len(share.ticks) + len(share.snapshots)
        self._counters.states_sent += len(share.states)

    def held(self, ticks: Iterable[FramedTick], since: int) -> list[FramedTick]:
        """The ticks of this cohort's topics that were published after the offset ``since``."""
        topics = self.subscription.topics
        return [tick for tick in ticks if tick.offset > since and tick.topic in topics]

    def _states_blob(self, states: Iterable[FramedStatus]) -> bytes:
        return b"".join(map(self.subscription.encoding.status_frame, states))


def _first(states: Iterable[FramedStatus], frame: Callable[[FramedStatus], bytes]) -> list[FramedStatus]:
    """Return the first of ``states``: as many as fit into one piece of a burst, but at least one."""
    taken: list[FramedStatus] = []
    size = 0
    for status in states:
        size += len(frame(status))
        if size > STEP_BYTES and taken:
            break
        taken.append(status)
    return taken
