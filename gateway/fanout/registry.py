"""All cohorts, and the groups that they are in: made when first wanted, removed with their last holder."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.fanout.cohorts.cohort import Cohort, FallBehind
from gateway.fanout.cohorts.group import ConflatingGroup, ExactGroup, Group, NewsGroup
from gateway.fanout.cohorts.member import Rule, Subscription
from gateway.fanout.cohorts.noting_cohort import NotingCohort
from gateway.fanout.cohorts.window import Marks, Reader, UnansweredPing
from gateway.fanout.pacing.flush_scheduler import FlushScheduler, RatedFlushScheduler, SharedFlushScheduler, Throttle
from gateway.fanout.pacing.load import LoopLoad
from gateway.metrics.counters import Counters
from gateway.protocol.encoding import News
from gateway.protocol.forms import FramedTick


class Registry:
    """All cohorts of a gateway, by what their members want."""

    def __init__(
        self,
        fall_behind: FallBehind,
        counters: Counters,
        *,
        next_number: Callable[[], int],
        unanswered: dict[Reader, UnansweredPing],
        published: Callable[[], int],
        throttle: Throttle,
        load: LoopLoad,
        last: Mapping[str, FramedTick],
    ) -> None:
        """``fall_behind`` receives members that are too slow. ``published`` is the number of ticks so far.

        ``last`` has the newest tick of each topic.

        ``next_number`` and ``unanswered`` are for `gateway.fanout.cohorts.window.Marks`.
        """
        self._fall_behind = fall_behind
        self._counters = counters
        self._next_number = next_number
        self._unanswered = unanswered
        self._throttle = throttle
        self._published = published
        self._load = load
        self._last = last
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._cohorts: tuple[dict[Subscription, tuple[Cohort]], dict[Subscription, tuple[Cohort]]] = {}, {}
        """By subscription: first those whose members are not watched, then the others. Each cohort is in a tuple, as
        nearly every connection holds it."""
        self._groups: dict[tuple[float | None, Rule, News | None], Group] = {}
        """By rate, rule of conflation, and what is news; a group exists as long as a cohort is in it."""
        self.groups_of: dict[str, dict[Group, None]] = {}
        """Topic → the groups with a cohort that holds it."""

    @property
    def cohort_count(self) -> int:
        """How many different subscriptions there are."""
        # Those who are watched have a cohort of their own.
        return len(set().union(*self._cohorts))

    @property
    def all(self) -> tuple[Cohort, ...]:
        """All cohorts."""
        return tuple(one for cohorts in self._cohorts for (one,) in cohorts.values())

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups."""
        return tuple(self._groups.values())

    def cohorts(self, wants: Sequence[Subscription], *, watched: bool) -> tuple[Cohort, ...]:
        """The cohorts for these subscriptions; for a single one, always the same object."""
        if len(wants) == 1:
            return self._alone(wants[0], watched=watched)
        return tuple(self._alone(subscription, watched=watched)[0] for subscription in wants)

    def _alone(self, subscription: Subscription, *, watched: bool) -> tuple[Cohort]:
        """The cohort of ``subscription``; an empty one if nobody holds it yet."""
        # In a cohort of every tick nobody is checked for what it has read.
        watched = watched and subscription.rule == "latest"
        cohorts = self._cohorts[watched]
        alone = cohorts.get(subscription)
        if alone is None:
            clock, group = self._clock, self._group(subscription)
            marks = Marks(self._next_number, self._unanswered, clock()) if watched else None
            cohort = self._new_cohort(subscription, group, marks=marks, clock=clock, watched=watched)
            alone = cohorts[subscription] = (cohort,)
            new = group.cohorts.add(cohort)
            group.begin(new)
            for topic in new:
                self.groups_of.setdefault(topic, {})[group] = None
        return alone

    def _new_cohort(self, subscription: Subscription, group: Group, **options: Any) -> Cohort:
        note = subscription.encoding.positions
        if note is None or subscription.rule != "every":
            return Cohort(subscription, group, self._fall_behind, self._counters, **options)
        return NotingCohort(
            subscription, group, self._fall_behind, self._counters, note=note, last=self._last, **options
        )

    def _group(self, subscription: Subscription) -> Group:
        key = (subscription.max_hz, subscription.rule, subscription.encoding.news)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = self._new_group(subscription)
        return group

    def _new_group(self, subscription: Subscription) -> Group:
        if subscription.rule == "every":
            return ExactGroup(self._scheduler(Throttle(factor=0)))
        scheduler: FlushScheduler
        if subscription.max_hz is None:
            scheduler = self._scheduler(self._throttle)
        else:
            scheduler = RatedFlushScheduler(self._loop, subscription.max_hz)
        news = subscription.encoding.news
        if news is None:
            return ConflatingGroup(scheduler, self._counters)
        return NewsGroup(scheduler, self._counters, news)

    def _scheduler(self, throttle: Throttle) -> SharedFlushScheduler:
        return SharedFlushScheduler(self._loop, self._load, throttle, self._published, self._counters.fan_out)

    def drop_if_empty(self, cohort: Cohort) -> None:
        """Forget ``cohort`` if nobody is in it, and its group if no other cohort is in that."""
        if len(cohort):
            return
        del self._cohorts[cohort.watched][cohort.subscription]
        group = self._group(cohort.subscription)
        for topic in group.cohorts.remove(cohort):
            del self.groups_of[topic][group]
            if not self.groups_of[topic]:
                del self.groups_of[topic]
        if not group.cohorts.all:
            its = cohort.subscription
            del self._groups[its.max_hz, its.rule, its.encoding.news]
