"""Cohorts that are flushed together. `gateway.fanout.pacing.pending` keeps their pending ticks.

Each cohort picks its own ticks when it is flushed.
"""

import logging
from collections.abc import Collection
from typing import Protocol

from gateway.fanout.cohorts.cohort import Cohort, GroupView
from gateway.fanout.pacing.flush_scheduler import FlushScheduler
from gateway.fanout.pacing.pending import EveryPending, NewestPending
from gateway.log_events import COHORT_NOT_FLUSHED
from gateway.metrics.counters import Counters
from gateway.protocol.encoding import News
from gateway.protocol.forms import Forms, FramedTick

logger = logging.getLogger(__name__)


class Group(GroupView, Protocol):
    """The interface of a group for the hub."""

    cohorts: "Cohorts"

    def offer(self, tick: FramedTick) -> None:
        """Make ``tick`` pending; some cohort of the group holds it."""

    def flush(self) -> None:
        """Write all pending ticks."""

    def begin(self, topics: Collection[str]) -> None:
        """``topics`` are held again, or for the first time: nobody knows what was offered of them before."""


class Cohorts:
    """The cohorts of a group, by topic; both maps mirror each other."""

    def __init__(self) -> None:
        self.all: dict[Cohort, None] = {}
        self.by_topic: dict[str, dict[Cohort, None]] = {}

    def add(self, cohort: Cohort) -> list[str]:
        """Put ``cohort`` under each of its topics. Return the topics that no cohort held before."""
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
        """Remove ``cohort``. Return its topics that no cohort holds any more."""
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
        """Return every cohort that holds one of ``topics``, each once, and possibly others."""
        if len(topics) == 1:
            # The usual case in a quiet market.
            (topic,) = topics
            return self.by_topic.get(topic, ())
        holders = [self.by_topic[topic] for topic in topics if topic in self.by_topic]
        if len(holders) == 1:
            return holders[0]
        # If the sets overlap much, taking every cohort is cheaper than joining the sets.
        if sum(map(len, holders)) > 2 * len(self.all):
            return self.all
        return set().union(*holders)


class _AllIsNews:
    """What a group does that offers every tick: nothing."""

    def begin(self, topics: Collection[str]) -> None:
        """See `Group.begin`."""

    def told(self, ticks: Collection[FramedTick]) -> None:
        """See `GroupView.told`."""

    def expect(self, topics: Collection[str]) -> None:
        """See `GroupView.expect`."""


class ConflatingGroup(_AllIsNews, NewestPending):
    """A group in which only the newest tick of each topic is pending."""

    def __init__(self, scheduler: FlushScheduler, counters: Counters) -> None:
        super().__init__(scheduler, counters)
        self.cohorts = Cohorts()
        self._flushing = self._window
        """The ticks of the newest flush."""
        self._order: Collection[Cohort] = ()
        """The cohorts of the present flush, in order; empty between flushes."""

    def flushed(self, offset: int, /) -> int:
        """See `GroupView.flushed`."""
        return self._since if self._window else offset

    def unsent(self, cohort: Cohort, at: Cohort, /) -> Collection[FramedTick]:
        """See `GroupView.unsent`."""
        return (self._flushing if self._is_to_come(cohort, at) else self._window).values()

    def _is_to_come(self, cohort: Cohort, at: Cohort) -> bool:
        """Whether the present flush, which is at the cohort ``at``, writes to ``cohort`` later."""
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
            # A connection that falls behind in one cohort may be in others that come later: see `unsent`.
            for cohort in self._order:
                try:
                    cohort.flush_newest(forms, since)
                except Exception:
                    logger.exception(COHORT_NOT_FLUSHED)
            self._order = ()


class NewsGroup(ConflatingGroup):
    """A conflating group for encodings that do not say everything of an update (`Encoding.news`)."""

    def __init__(self, scheduler: FlushScheduler, counters: Counters, news: News) -> None:
        super().__init__(scheduler, counters)
        self._news = news
        self._offered: dict[str, object] = {}
        """Topic → the newest news that all know who hold it, or an object that is equal to none."""

    def begin(self, topics: Collection[str]) -> None:
        """See `Group.begin`."""
        for topic in topics:
            self._offered.pop(topic, None)

    def told(self, ticks: Collection[FramedTick]) -> None:
        """See `GroupView.told`."""
        for tick in ticks:
            news = self._news(tick.tick)
            if news is not None:
                self._offered.setdefault(tick.topic, news)

    def expect(self, topics: Collection[str]) -> None:
        """See `GroupView.expect`."""
        for topic in topics:
            self._offered[topic] = object()

    def offer(self, tick: FramedTick) -> None:
        """See `Group.offer`."""
        news = self._news(tick.tick)
        if news is None:
            # Who came meanwhile knows nothing yet: the next one counts, even if it is the same.
            self._offered.pop(tick.topic, None)
        elif self._offered.get(tick.topic) != news:
            self._offered[tick.topic] = news
            super().offer(tick)


class ExactGroup(_AllIsNews, EveryPending):
    """A group in which every tick is pending, in order."""

    def __init__(self, scheduler: FlushScheduler) -> None:
        super().__init__(scheduler)
        self.cohorts = Cohorts()

    def flushed(self, offset: int, /) -> int:
        """See `GroupView.flushed`."""
        return self._ticks[0].offset - 1 if self._ticks else offset

    def unsent(self, _cohort: Cohort, _at: Cohort, /) -> Collection[FramedTick]:
        """See `GroupView.unsent`. No connection falls behind here, so a flush in progress does not matter."""
        return self._ticks

    def flush(self) -> None:
        """See `Group.flush`."""
        ticks, self._ticks = self._ticks, []
        if ticks:
            for cohort in self.cohorts.holding({tick.topic for tick in ticks}):
                try:
                    cohort.flush_every(ticks, ticks[0].offset - 1)
                except Exception:
                    logger.exception(COHORT_NOT_FLUSHED)
