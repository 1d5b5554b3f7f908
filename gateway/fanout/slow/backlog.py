"""What a slow connection is owed: only the newest tick and state of each topic. No I/O.

Each topic of which something is owed has one place in a queue, whatever set of options it is held with. The topic that
waits longest comes first. In its turn it gives its newest tick, as a snapshot if one was requested, and its newest
state. So no topic starves, whatever else changes or is requested.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct

from gateway.fanout.cohorts.member import Missed, Share, Subscription
from gateway.fanout.cohorts.window import Reader, Window
from gateway.protocol.forms import FramedStatus, FramedTick

_QUICK_ROUND: Final = 0.25
"""A client that reads a whole round in this part of the interval may have the next round at once."""


class Round(Struct):
    """The newest round of one rate. Only ticks that waited at its start are due; others wait for the next round."""

    offset: int = 0
    """The offset of the newest tick at its start."""
    due_at: float = -1.0
    """When the next round starts. Without a rate, each check starts one."""


class SlowConsumer(Struct):
    """What one slow consumer has missed. Takes constant space, except for topics owed by name."""

    offset: int
    """The newest tick and state of every topic that it holds and that was published after this offset are owed."""
    ticks: dict[str, int]
    """Also owed: the newest ticks of these topics, each with the offset since which it waits."""
    snapshots: dict[str, int]
    """Also owed: requested snapshots of these."""
    states: dict[str, int]
    """Also owed: the states of these."""
    conflated: int
    """Ticks missed of topics that it held before, but for those that nothing has replaced when it let go of them."""
    published: int
    """The count of ticks of its topics published when it became slow, or was last sent a slice."""
    since: float
    """When it became slow, or last read what it was sent, in the event loop's time."""
    window: Window
    rounds: dict[float | None, Round] = {}
    """By ``max_hz``."""
    rests: bool = False
    """Whether nothing is due until the next round."""
    slow_since: float = 0.0
    """When it became slow."""
    _began_at: float = 0.0
    _round_s: float = 0.0

    def ask_snapshots(self, topics: Collection[str], offset: int) -> None:
        """Owe snapshots of ``topics``. Those that are owed already keep their places."""
        _ask(self.snapshots, topics, offset)
        self.rests = False

    def ask_states(self, topics: Collection[str], offset: int) -> None:
        """Owe states of ``topics``, likewise."""
        _ask(self.states, topics, offset)
        self.rests = False

    def waits(self, reader: Reader, now: float) -> bool:
        """Whether it must wait: nothing is due, or ``reader`` has not read what it was sent."""
        rests = self.rests and now < min(round_.due_at for round_ in self.rounds.values())
        return rests or self.window.waits(reader, now)

    def look(self, rates: Iterable[float | None], offset: int, now: float) -> bool:
        """Start each round of ``rates`` that is due; return whether any started.

        ``offset`` is that of the newest tick.
        """
        begun = False
        for max_hz in rates:
            round_ = self.rounds.setdefault(max_hz, Round())
            if now >= round_.due_at:
                round_.offset, round_.due_at = offset, now + 1 / max_hz if max_hz else now
                begun = True
        if begun:
            self._began_at, self.rests = now, False
        return begun

    def rest(self, now: float) -> None:
        """Note that everything due has been sent."""
        if not self.rests:
            self.rests, self._round_s = True, now - self._began_at

    def reads_quickly(self, rates: Collection[float | None]) -> bool:
        """Whether it read the whole last round in a small part of the interval, at all of ``rates``."""
        if not self.rests or not self.window.prompt:
            return False
        return all(max_hz and self._round_s * max_hz <= _QUICK_ROUND for max_hz in rates)


def _ask(owed: dict[str, int], topics: Collection[str], offset: int) -> None:
    for topic in topics:
        owed.setdefault(topic, offset)


class Backlog(Struct, frozen=True):
    """All that a slow consumer is owed now."""

    order: Sequence[str]
    """The topics of which something is owed; those that wait longest come first."""
    ticks: Mapping[str, int]
    snapshots: Mapping[str, int]
    states: Mapping[str, int]
    sizes: Mapping[str, int]
    """About how many bytes each topic takes."""
    later: Collection[str]
    """Topics of which only a tick is owed that waits for the next round. Snapshots and states have no rate."""

    @property
    def size(self) -> int:
        """The size in bytes, approximately."""
        return sum(self.sizes.values())


class Slice(Struct, frozen=True):
    """The part of a backlog that fits."""

    conflated: int
    """Ticks replaced by newer ones since the last slice."""
    ticks: Sequence[FramedTick]
    snapshots: Collection[str]
    """Those of ``ticks`` that go out as snapshots; may name other topics too."""
    states: Sequence[FramedStatus]
    is_all_that_was_due: bool

    def share(self, topics: Collection[str]) -> Share:
        """The share of ``topics``."""
        ticks = [tick for tick in self.ticks if tick.topic in topics]
        return Share(
            [tick for tick in ticks if tick.topic not in self.snapshots],
            [tick for tick in ticks if tick.topic in self.snapshots],
            [status for status in self.states if status.topic in topics],
        )


class Backlogs:
    """Computes the backlogs of slow consumers.

    What a connection holds is given as a sequence of subscriptions: one for each set of options, with no topic in
    common.
    """

    def __init__(
        self, last: Mapping[str, FramedTick], states: Mapping[str, FramedStatus], published: Mapping[str, int]
    ) -> None:
        """``last`` and ``states`` have the newest of each topic, ``published`` the number of ticks ever published.

        Others keep them up to date.
        """
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
        """The client's subscriptions change from ``before`` to ``wants``. ``offset`` is that of the newest tick."""
        backlog = self.of(consumer, before)
        topics = topics_of(wants)
        self._keep(consumer, backlog, topics)
        # Nothing replaced what it drops unsent.
        dropped = len(backlog.ticks) - len(consumer.ticks)
        consumer.conflated += self._published_of(topics_of(before)) - consumer.published - dropped
        consumer.published = self._published_of(topics)
        consumer.offset = offset
        # The rates may be others.
        consumer.rounds, consumer.rests = {}, False

    def of(self, consumer: SlowConsumer, wants: Sequence[Subscription]) -> Backlog:
        """Everything that is owed to a consumer with these ``wants``."""
        last, states, offset, topics = self._last, self._states, consumer.offset, topics_of(wants)
        ticks = _held(consumer.ticks, topics, last)
        newer = [(topic, last[topic].offset) for topic in topics if topic in last and topic not in ticks]
        ticks.update((topic, at) for topic, at in newer if at > offset)
        snapshots = _held(consumer.snapshots, topics, last)
        owed_states = _held(consumer.states, topics, states)
        changed = [(topic, status.offset) for topic, status in states.items() if topic in topics]
        owed_states.update((topic, at) for topic, at in changed if at > offset and topic not in owed_states)
        since: dict[str, int] = {}
        for topic, at in chain(snapshots.items(), ticks.items(), owed_states.items()):
            since[topic] = min(at, since.get(topic, at))
        order = sorted(since, key=since.__getitem__)
        sizes: dict[str, int] = {}
        later: set[str] = set()
        for subscription in wants:
            form, frame = subscription.encoding.form(batch=subscription.batch), subscription.encoding.status_frame
            round_ = consumer.rounds.get(subscription.max_hz, Round())
            for topic in subscription.topics & since.keys():
                size = len(form(last[topic])) if topic in ticks or topic in snapshots else 0
                sizes[topic] = size + (len(frame(states[topic])) if topic in owed_states else 0)
                if ticks.get(topic, 0) > round_.offset and topic not in snapshots and topic not in owed_states:
                    later.add(topic)
        return Backlog(order, ticks, snapshots, owed_states, sizes, later)

    def conflated(self, consumer: SlowConsumer, backlog: Backlog, topics: Collection[str]) -> int:
        """Ticks of ``topics`` that were replaced by those of ``backlog``."""
        return consumer.conflated + self._published_of(topics) - consumer.published - len(backlog.ticks)

    def take(
        self,
        consumer: SlowConsumer,
        backlog: Backlog,
        topics: Collection[str],
        offset: int,
        *,
        whole: Collection[str] = (),
    ) -> Slice:
        """Take from ``backlog`` what is due, as much as the window has room for, but one topic at least.

        If topics are to be taken ``whole``, take everything owed of them, due or not, and nothing else. ``topics`` are
        all that it holds. ``offset`` is that of the newest tick.
        """
        due = [one for one in backlog.order if (one in whole if whole else one not in backlog.later)]
        if not due and not whole:
            return Slice(0, (), (), (), is_all_that_was_due=True)
        taken: list[str] = []
        room = consumer.window.size
        for topic in due:
            room -= backlog.sizes[topic]
            if room < 0 and taken and not whole:
                break
            taken.append(topic)
        slice_ = Slice(
            self.conflated(consumer, backlog, topics),
            [self._last[topic] for topic in taken if topic in backlog.ticks or topic in backlog.snapshots],
            backlog.snapshots,
            [self._states[topic] for topic in taken if topic in backlog.states],
            len(taken) == len(due),
        )
        left = set(backlog.order).difference(taken)
        self._keep(consumer, backlog, left)
        consumer.offset, consumer.conflated = offset, 0
        consumer.published = self._published_of(topics) - len(consumer.ticks)
        return slice_

    def _keep(self, consumer: SlowConsumer, backlog: Backlog, topics: Collection[str]) -> None:
        """Keep only what concerns ``topics``, each in its place."""
        consumer.ticks = {topic: at for topic, at in backlog.ticks.items() if topic in topics}
        consumer.snapshots = {topic: at for topic, at in backlog.snapshots.items() if topic in topics}
        consumer.states = {topic: at for topic, at in backlog.states.items() if topic in topics}

    def _published_of(self, topics: Collection[str]) -> int:
        return sum(map(self._published.__getitem__, topics))


def topics_of(wants: Sequence[Subscription]) -> frozenset[str]:
    """All topics of ``wants``."""
    if len(wants) == 1:
        return wants[0].topics
    return frozenset().union(*(subscription.topics for subscription in wants)) if wants else frozenset()


def _held(owed: Mapping[str, int], topics: frozenset[str], there: Mapping[str, object]) -> dict[str, int]:
    return {topic: at for topic, at in owed.items() if topic in topics and topic in there}
