"""Cohorts that are flushed together, and what is pending for all of them.

A tick becomes pending once per group, however many cohorts hold its topic: publishing costs the same
for one client and for twenty thousand. Which of it a cohort wants is found when it is flushed.
"""

import logging
from collections.abc import Collection
from typing import Protocol

from gateway.fanout.cohort import Cohort
from gateway.fanout.flush_scheduler import FlushScheduler
from gateway.metrics import Counters
from gateway.protocol.forms import Forms, FramedTick

FAULT = "a cohort could not be flushed"
"""Said of a fault of ours with one, which costs the others no tick."""

logger = logging.getLogger(__name__)


class Group(Protocol):
    """What the hub does with a group."""

    cohorts: "Cohorts"

    @property
    def pending(self) -> Collection[FramedTick]:
        """What the next flush would write, to whom it may concern."""

    def flushed(self, offset: int, /) -> int:
        """Each cohort was sent everything up to this offset; ``offset`` is that of the newest tick there is.

        Only where no flush goes on; see `unsent`.
        """

    def unsent(self, cohort: Cohort, at: Cohort, /) -> Collection[FramedTick]:
        """What ``cohort`` is still to be sent: of the flush that goes on, if it is to come, else of the next.

        If a flush goes on, it has come to the cohort ``at``.
        """

    def offer(self, tick: FramedTick) -> None:
        """Make ``tick``, which some cohort of the group holds, pending."""

    def flush(self) -> None:
        """Write everything that is pending."""


class Cohorts:
    """The cohorts of a group, by topic; both maps mirror each other."""

    def __init__(self) -> None:
        self.all: dict[Cohort, None] = {}
        self.by_topic: dict[str, dict[Cohort, None]] = {}

    def add(self, cohort: Cohort) -> list[str]:
        """``cohort`` is under each of its topics from now on. Returns those that nobody held before."""
        self.all[cohort] = None
        by_topic, new = self.by_topic, []
        for topic in cohort.subscription.topics:
            holders = by_topic.get(topic)
            if holders is None:
                by_topic[topic] = {cohort: None}
                new.append(topic)
            else:
                holders[cohort] = None
        return new

    def remove(self, cohort: Cohort) -> list[str]:
        """Nothing is left of ``cohort``. Returns its topics that nobody holds any more."""
        del self.all[cohort]
        by_topic, last = self.by_topic, []
        for topic in cohort.subscription.topics:
            holders = by_topic[topic]
            del holders[cohort]
            if not holders:
                del by_topic[topic]
                last.append(topic)
        return last

    def holding(self, topics: Collection[str]) -> Collection[Cohort]:
        """At least every cohort that holds one of ``topics``, each once."""
        if len(topics) == 1:
            # On a quiet market nearly always.
            (topic,) = topics
            return self.by_topic.get(topic, ())
        holders = [self.by_topic[topic] for topic in topics if topic in self.by_topic]
        if len(holders) == 1:
            return holders[0]
        # Where they overlap much, asking every cohort is cheaper than finding out which.
        if sum(map(len, holders)) > 2 * len(self.all):
            return self.all
        return set().union(*holders)


class ConflatingGroup:
    """Of each topic only the newest tick is pending."""

    def __init__(self, scheduler: FlushScheduler, counters: Counters) -> None:
        self.cohorts = Cohorts()
        self._scheduler = scheduler
        self._counters = counters
        self._window: dict[str, FramedTick] = {}
        self._since = 0
        """The offset before the first one of the window, or of the flush that goes on."""
        self._flushing = self._window
        """What the newest flush has written, or writes."""
        self._order: Collection[Cohort] = ()
        """The cohorts that the flush that goes on comes to, in order; none where none goes on."""

    @property
    def pending(self) -> Collection[FramedTick]:
        """See `Group.pending`."""
        return self._window.values()

    def flushed(self, offset: int, /) -> int:
        """See `Group.flushed`."""
        return self._since if self._window else offset

    def unsent(self, cohort: Cohort, at: Cohort, /) -> Collection[FramedTick]:
        """See `Group.unsent`."""
        return (self._flushing if self._is_to_come(cohort, at) else self._window).values()

    def _is_to_come(self, cohort: Cohort, at: Cohort) -> bool:
        """Whether the flush that goes on, and has come to ``at``, comes to ``cohort`` later."""
        for one in self._order:
            if one is cohort:
                return False
            if one is at:
                return cohort in self._order
        return False

    def offer(self, tick: FramedTick) -> None:
        """See `Group.offer`."""
        topic, window = tick.topic, self._window
        if topic in window:
            if self._scheduler.resting:
                self._counters.ticks_conflated += 1
            else:
                # Nothing is conflated without need: two ticks of one topic in one read go out as two.
                # What follows goes with the flush that the scheduler still has to make.
                self.flush()
                window = self._window
                self._since = tick.offset - 1
        elif not window:
            self._since = tick.offset - 1
            self._scheduler.want(self)
        window[topic] = tick

    def flush(self) -> None:
        """See `Group.flush`."""
        window, self._window = self._window, {}
        if window:
            forms, since = Forms(window), self._since
            self._flushing, self._order = window, self.cohorts.holding(window)
            # Who falls behind in one may be in others to which it is still to come: see `unsent`.
            for cohort in self._order:
                try:
                    cohort.flush_newest(forms, since)
                except Exception:
                    logger.exception(FAULT)
            self._order = ()


class ExactGroup:
    """Every tick is pending, in order."""

    def __init__(self, scheduler: FlushScheduler) -> None:
        self.cohorts = Cohorts()
        self._scheduler = scheduler
        self._ticks: list[FramedTick] = []

    @property
    def pending(self) -> Collection[FramedTick]:
        """See `Group.pending`."""
        return self._ticks

    def flushed(self, offset: int, /) -> int:
        """See `Group.flushed`."""
        return self._ticks[0].offset - 1 if self._ticks else offset

    def unsent(self, _cohort: Cohort, _at: Cohort, /) -> Collection[FramedTick]:
        """See `Group.unsent`. Nobody falls behind here, so a flush that goes on does not matter."""
        return self._ticks

    def offer(self, tick: FramedTick) -> None:
        """See `Group.offer`."""
        if not self._ticks:
            self._scheduler.want(self)
        self._ticks.append(tick)

    def flush(self) -> None:
        """See `Group.flush`."""
        ticks, self._ticks = self._ticks, []
        if ticks:
            for cohort in self.cohorts.holding({tick.topic for tick in ticks}):
                try:
                    cohort.flush_every(ticks, ticks[0].offset - 1)
                except Exception:
                    logger.exception(FAULT)
