"""Cohorts that are flushed together. What is pending for all of them is kept in `gateway.fanout.pending`.

Which of it a cohort wants is found when it is flushed.
"""

import logging
from collections.abc import Collection
from typing import Protocol

from gateway.fanout.cohort import Cohort, GroupView
from gateway.fanout.flush_scheduler import FlushScheduler
from gateway.fanout.pending import EveryPending, NewestPending
from gateway.metrics import Counters
from gateway.protocol.forms import Forms, FramedTick

FAULT = "a cohort could not be flushed"
"""Logged for our own error with one cohort, which costs the others no tick."""

logger = logging.getLogger(__name__)


class Group(GroupView, Protocol):
    """What the hub does with a group."""

    cohorts: "Cohorts"

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
        """Put ``cohort`` under each of its topics. Return those that nobody held before."""
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
        """Remove ``cohort``. Return its topics that nobody holds any more."""
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
        """Every cohort that holds one of ``topics``, each once, and perhaps others."""
        if len(topics) == 1:
            # On a quiet market nearly always.
            (topic,) = topics
            return self.by_topic.get(topic, ())
        holders = [self.by_topic[topic] for topic in topics if topic in self.by_topic]
        if len(holders) == 1:
            return holders[0]
        # If the sets overlap much, taking every cohort is cheaper than joining the sets.
        if sum(map(len, holders)) > 2 * len(self.all):
            return self.all
        return set().union(*holders)


class ConflatingGroup(NewestPending):
    """Of each topic only the newest tick is pending."""

    def __init__(self, scheduler: FlushScheduler, counters: Counters) -> None:
        super().__init__(scheduler, counters)
        self.cohorts = Cohorts()
        self._flushing = self._window
        """What the newest flush has written, or writes."""
        self._order: Collection[Cohort] = ()
        """The cohorts of the flush that goes on, in order; none if none goes on."""

    def flushed(self, offset: int, /) -> int:
        """See `GroupView.flushed`."""
        return self._since if self._window else offset

    def unsent(self, cohort: Cohort, at: Cohort, /) -> Collection[FramedTick]:
        """See `GroupView.unsent`."""
        return (self._flushing if self._is_to_come(cohort, at) else self._window).values()

    def _is_to_come(self, cohort: Cohort, at: Cohort) -> bool:
        """Whether the flush that goes on, and has come to ``at``, comes to ``cohort`` later."""
        for one in self._order:
            if one is cohort:
                return False
            if one is at:
                return cohort in self._order
        return False

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


class ExactGroup(EveryPending):
    """Every tick is pending, in order."""

    def __init__(self, scheduler: FlushScheduler) -> None:
        super().__init__(scheduler)
        self.cohorts = Cohorts()

    def flushed(self, offset: int, /) -> int:
        """See `GroupView.flushed`."""
        return self._ticks[0].offset - 1 if self._ticks else offset

    def unsent(self, _cohort: Cohort, _at: Cohort, /) -> Collection[FramedTick]:
        """See `GroupView.unsent`. Nobody falls behind, so a flush that goes on does not matter."""
        return self._ticks

    def flush(self) -> None:
        """See `Group.flush`."""
        ticks, self._ticks = self._ticks, []
        if ticks:
            for cohort in self.cohorts.holding({tick.topic for tick in ticks}):
                try:
                    cohort.flush_every(ticks, ticks[0].offset - 1)
                except Exception:
                    logger.exception(FAULT)
