"""When groups are flushed, on a virtual clock."""

import asyncio

import pytest

from gateway.fanout.flush_scheduler import RatedFlushScheduler, SharedFlushScheduler, Throttle
from tests.fakes import run_virtual


class CostlyGroup:
    """Records its flushes, and advances the timer as if they took a while."""

    def __init__(self, cost_s: float = 0.0) -> None:
        self.loop = asyncio.get_running_loop()
        self.cost_s = cost_s
        self.spent_s = 0.0
        self.flushed_at: list[float] = []

    def flush(self) -> None:
        self.flushed_at.append(self.loop.time())
        self.spent_s += self.cost_s

    def timer(self) -> float:
        return self.loop.time() + self.spent_s


def test_quiet_groups_are_flushed_in_the_next_turn_of_the_loop() -> None:
    """If flushes cost almost nothing, groups are flushed without delay, all in the same turn."""

    async def main() -> None:
        cheap, other = CostlyGroup(), CostlyGroup()
        scheduler = SharedFlushScheduler(asyncio.get_running_loop(), cheap.timer, Throttle())
        for expected in range(1, 50):
            scheduler.want(cheap)
            scheduler.want(other)
            assert expected - 1 == len(cheap.flushed_at)
            await asyncio.sleep(0)
            assert expected == len(cheap.flushed_at) == len(other.flushed_at)
        assert {0.0} == set(cheap.flushed_at)

    run_virtual(main())


def test_an_expensive_flush_is_followed_by_a_rest_in_proportion() -> None:
    """After a flush of 4 ms at factor 3, the next comes 12 ms later, less the credit."""

    async def main() -> None:
        group = CostlyGroup(cost_s=0.004)
        scheduler = SharedFlushScheduler(asyncio.get_running_loop(), lambda: group.spent_s, Throttle(3, 0.02, 0.002))
        scheduler.want(group)
        await asyncio.sleep(0)
        assert not scheduler.resting
        scheduler.want(group)
        assert scheduler.resting
        await asyncio.sleep(1)
        assert [round(at, 6) for at in group.flushed_at] == [0.0, 0.010]
        assert not scheduler.resting

    run_virtual(main())


def test_no_rest_is_longer_than_the_longest() -> None:
    """After a flush of any length, the next one comes within 20 ms."""

    async def main() -> None:
        group = CostlyGroup(cost_s=5)
        scheduler = SharedFlushScheduler(asyncio.get_running_loop(), lambda: group.spent_s, Throttle(3, 0.02, 0.002))
        for _ in range(3):
            scheduler.want(group)
            await asyncio.sleep(1)
        assert all(round(at % 1, 6) <= 0.02 for at in group.flushed_at)
        assert 3 == len(group.flushed_at)

    run_virtual(main())


def test_a_factor_of_zero_never_rests() -> None:
    """With resting switched off even expensive flushes come at once."""

    async def main() -> None:
        group = CostlyGroup(cost_s=1)
        scheduler = SharedFlushScheduler(asyncio.get_running_loop(), lambda: group.spent_s, Throttle(factor=0))
        for _ in range(5):
            scheduler.want(group)
            await asyncio.sleep(0)
        assert group.flushed_at == [0.0] * 5

    run_virtual(main())


def test_a_cohort_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """If the flush of one group raises, the others are flushed, and the fault is logged."""

    class BrokenCohort:
        def flush(self) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        group = CostlyGroup()
        scheduler = SharedFlushScheduler(asyncio.get_running_loop(), group.timer, Throttle())
        scheduler.want(BrokenCohort())
        scheduler.want(group)
        await asyncio.sleep(0)
        assert [0.0] == group.flushed_at

    run_virtual(main())
    assert "ZeroDivisionError" in caplog.text


def test_a_rate_spaces_flushes_and_adds_nothing_after_a_quiet_time() -> None:
    """At 2 Hz no two flushes are closer than half a second, start included; one after a pause comes at once."""

    async def main() -> None:
        group = CostlyGroup()
        scheduler = RatedFlushScheduler(asyncio.get_running_loop(), hz=2)
        for _ in range(17):
            scheduler.want(group)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.3)
        scheduler.want(group)
        await asyncio.sleep(0.001)
        assert [0.5, 1.0, 1.5, 2.0, 3.0] == [round(at, 6) for at in group.flushed_at]

    run_virtual(main())
