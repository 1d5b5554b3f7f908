"""What a slow connection is owed: of each topic the newest tick and state only. No I/O.

Each topic of which anything is owed has one place in the queue, where what waits for longest comes first, whatever set
of options it is held with. When its turn comes, it gives its newest tick, as a
snapshot where one was asked for, and its newest state. So nothing starves, whatever else changes or is asked for.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct

from gateway.fanout.member import Missed, Share, Subscription
from gateway.fanout.window import Reader, Window
from gateway.protocol.forms import FramedStatus, FramedTick

_QUICK_ROUND: Final = 0.25
"""Who reads all that one round owes in such a part of the interval can have the next one at once."""


class Heartbeat(Struct):
    """What is due at one rate: of ticks only what waits since the newest round or longer. Others wait for the next."""

    offset: int = 0
    """That of the newest tick at the newest round."""
    due_at: float = -1.0
    """When the next one is. At any rate, there is one whenever we look."""


class SlowConsumer(Struct):
    """What one has missed, in constant space but for the topics of which it is owed something by name."""

    offset: int
    """It is owed the newest tick and state of every topic that it holds and that was published after this one."""
    ticks: dict[str, int]
    """And the newest ticks of these topics; with each the offset since which it waits."""
    snapshots: dict[str, int]
    """And snapshots of these, which it asked for."""
    states: dict[str, int]
    """And the states of these."""
    conflated: int
    """Ticks missed of topics that it held before, but for those that nothing has replaced when it let go of them."""
    published: int
    """Ticks of its topics that had been published when it began to miss them, or was sent a slice."""
    since: float
    """When it became slow, or last read what it was sent, in the event loop's time."""
    window: Window
    heartbeats: dict[float | None, Heartbeat] = {}
    """By ``max_hz``."""
    rests: bool = False
    """Whether nothing is due until the next round."""
    _began_at: float = 0.0
    _round_s: float = 0.0

    def ask_snapshots(self, topics: Collection[str], offset: int) -> None:
        """It is owed snapshots of ``topics``; those that it is owed already keep their places."""
        _ask(self.snapshots, topics, offset)
        self.rests = False

    def ask_states(self, topics: Collection[str], offset: int) -> None:
        """The same of states."""
        _ask(self.states, topics, offset)
        self.rests = False

    def waits(self, reader: Reader, now: float) -> bool:
        """Whether it is not to be sent more yet: nothing is due, or ``reader`` is still to read what it was sent."""
        rests = self.rests and now < min(heartbeat.due_at for heartbeat in self.heartbeats.values())
        return rests or self.window.waits(reader, now)

    def look(self, rates: Iterable[float | None], offset: int, now: float) -> bool:
        """Begin a new round of each of ``rates`` where it is time; whether any is. ``offset`` is of the newest tick."""
        begun = False
        for max_hz in rates:
            heartbeat = self.heartbeats.setdefault(max_hz, Heartbeat())
            if now >= heartbeat.due_at:
                heartbeat.offset, heartbeat.due_at = offset, now + 1 / max_hz if max_hz else now
                begun = True
        if begun:
            self._began_at, self.rests = now, False
        return begun

    def rest(self, now: float) -> None:
        """All that was due has been sent."""
        if not self.rests:
            self.rests, self._round_s = True, now - self._began_at

    def reads_quickly(self, rates: Collection[float | None]) -> bool:
        """Whether it has read all that the last round owed it in a small part of the interval, at all of ``rates``."""
        if not self.rests or not self.window.prompt:
            return False
        return all(max_hz and self._round_s * max_hz <= _QUICK_ROUND for max_hz in rates)


def _ask(owed: dict[str, int], topics: Collection[str], offset: int) -> None:
    for topic in topics:
        owed.setdefault(topic, offset)


class Owed(Struct, frozen=True):
    """All that a slow consumer is owed now."""

    order: Sequence[str]
    """The topics of which anything is owed, those first that wait for longest."""
    ticks: Mapping[str, int]
    snapshots: Mapping[str, int]
    states: Mapping[str, int]
    sizes: Mapping[str, int]
    """About how many bytes each topic takes."""
    later: Collection[str]
    """Topics of which only a tick is owed, that waits for the next round. What is no plain tick comes at no rate."""

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

    def share(self, topics: Collection[str]) -> Share:
        """What of it is of ``topics``."""
        ticks = [tick for tick in self.ticks if tick.topic in topics]
        return Share(
            [tick for tick in ticks if tick.topic not in self.snapshots],
            [tick for tick in ticks if tick.topic in self.snapshots],
            [status for status in self.states if status.topic in topics],
        )


class Arrears:
    """Reckons what slow consumers are owed.

    What somebody holds is given as a sequence of subscriptions: one for each set of options, without a topic in common.
    """

    def __init__(
        self, last: Mapping[str, FramedTick], states: Mapping[str, FramedStatus], published: Mapping[str, int]
    ) -> None:
        """The newest tick and state of each topic, and how many ticks of it were ever published; others keep them."""
        self._last = last
        self._states = states
        self._published = published

    def begin(
        self,
        missed: Missed,
        topics: Collection[str],
        window: Window,
        now: float,
        others: Sequence[tuple[Collection[str], Sequence[FramedTick]]] = (),
        newest: int = 0,
    ) -> SlowConsumer:
        """The backlog of one that has ``missed`` the first of ``topics``.

        ``others`` are more topics that it holds, with the ticks that it has missed of these; ``newest`` is the offset
        of the newest tick. Where there are any, what was missed up to then is owed by name.
        """
        offset, count = missed.offset, missed.count
        ticks, snapshots, states = (
            dict.fromkeys(some, offset) for some in (missed.owed, missed.snapshots, missed.states)
        )
        published = self._published_of(topics)
        if others:
            ticks.update(self._missed(topics, offset, newest))
            for more, unseen in others:
                ticks.update((tick.topic, tick.offset) for tick in unseen)
                count += len(unseen)
                published += self._published_of(more)
            offset = newest
        return SlowConsumer(offset, ticks, snapshots, states, 0, published - count, now, window)

    def _missed(self, topics: Collection[str], since: int, newest: int) -> dict[str, int]:
        last = self._last
        return {one: since for one in topics if one in last and since < last[one].offset <= newest}

    def move(
        self, consumer: SlowConsumer, before: Sequence[Subscription], wants: Sequence[Subscription], offset: int
    ) -> None:
        """Its owner holds something else than ``before``; ``offset`` is that of the newest tick."""
        owed = self.owed(consumer, before)
        topics = topics_of(wants)
        self._keep(consumer, owed, topics)
        # What it lets go of unsent was replaced by nothing.
        dropped = len(owed.ticks) - len(consumer.ticks)
        consumer.conflated += self._published_of(topics_of(before)) - consumer.published - dropped
        consumer.published = self._published_of(topics)
        consumer.offset = offset
        # There may be other rates.
        consumer.heartbeats, consumer.rests = {}, False

    def owed(self, consumer: SlowConsumer, wants: Sequence[Subscription]) -> Owed:
        """All that is owed to one that has these ``wants``."""
        last, states, offset, topics = self._last, self._states, consumer.offset, topics_of(wants)
        ticks = _held(consumer.ticks, topics, last)
        newer = [(topic, last[topic].offset) for topic in topics if topic in last and topic not in ticks]
        ticks.update((topic, at) for topic, at in newer if at > offset)
        snapshots = _held(consumer.snapshots, topics, last)
        told = _held(consumer.states, topics, states)
        changed = [(topic, status.offset) for topic, status in states.items() if topic in topics]
        told.update((topic, at) for topic, at in changed if at > offset and topic not in told)
        since: dict[str, int] = {}
        for topic, at in chain(snapshots.items(), ticks.items(), told.items()):
            since[topic] = min(at, since.get(topic, at))
        order = sorted(since, key=since.__getitem__)
        sizes: dict[str, int] = {}
        later: set[str] = set()
        for subscription in wants:
            form, frame = subscription.encoding.form(batch=subscription.batch), subscription.encoding.status_frame
            heartbeat = consumer.heartbeats.get(subscription.max_hz, Heartbeat())
            for topic in subscription.topics & since.keys():
                size = len(form(last[topic])) if topic in ticks or topic in snapshots else 0
                sizes[topic] = size + (len(frame(states[topic])) if topic in told else 0)
                if ticks.get(topic, 0) > heartbeat.offset and topic not in snapshots and topic not in told:
                    later.add(topic)
        return Owed(order, ticks, snapshots, told, sizes, later)

    def conflated(self, consumer: SlowConsumer, owed: Owed, topics: Collection[str]) -> int:
        """Ticks of ``topics`` that were replaced by those that are ``owed``."""
        return consumer.conflated + self._published_of(topics) - consumer.published - len(owed.ticks)

    def take(
        self, consumer: SlowConsumer, owed: Owed, topics: Collection[str], offset: int, *, whole: Collection[str] = ()
    ) -> Slice:
        """Take from what is ``owed`` and due as much as its window has room for, one topic at least.

        Where something is to be taken ``whole``, take all that is owed of that, due or not, and nothing else.
        ``topics`` are all that it holds; ``offset`` is that of the newest tick.
        """
        due = [one for one in owed.order if (one in whole if whole else one not in owed.later)]
        if not due and not whole:
            return Slice(0, (), (), (), is_all_that_was_due=True)
        taken: list[str] = []
        room = consumer.window.size
        for topic in due:
            room -= owed.sizes[topic]
            if room < 0 and taken and not whole:
                break
            taken.append(topic)
        slice_ = Slice(
            self.conflated(consumer, owed, topics),
            [self._last[topic] for topic in taken if topic in owed.ticks or topic in owed.snapshots],
            owed.snapshots,
            [self._states[topic] for topic in taken if topic in owed.states],
            len(taken) == len(due),
        )
        left = set(owed.order).difference(taken)
        self._keep(consumer, owed, left)
        consumer.offset, consumer.conflated = offset, 0
        consumer.published = self._published_of(topics) - len(consumer.ticks)
        return slice_

    def _keep(self, consumer: SlowConsumer, owed: Owed, topics: Collection[str]) -> None:
        """Of ``owed`` only what concerns ``topics`` is owed further on, each in its place."""
        consumer.ticks = {topic: at for topic, at in owed.ticks.items() if topic in topics}
        consumer.snapshots = {topic: at for topic, at in owed.snapshots.items() if topic in topics}
        consumer.states = {topic: at for topic, at in owed.states.items() if topic in topics}

    def _published_of(self, topics: Collection[str]) -> int:
        return sum(map(self._published.__getitem__, topics))


def topics_of(wants: Sequence[Subscription]) -> frozenset[str]:
    """All topics of ``wants``."""
    return wants[0].topics if len(wants) == 1 else frozenset().union(*(subscription.topics for subscription in wants))


def _held(owed: Mapping[str, int], topics: frozenset[str], there: Mapping[str, object]) -> dict[str, int]:
    return {topic: at for topic, at in owed.items() if topic in topics and topic in there}
