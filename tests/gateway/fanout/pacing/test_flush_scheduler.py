"""When groups are flushed, on a virtual clock."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.fanout.pacing.flush_scheduler import LEAST_S, RatedFlushScheduler, SharedFlushScheduler, Throttle
from gateway.fanout.pacing.load import LoopLoad
from gateway.metrics.fan_out import FanOut
from tests.fakes import VirtualTimeLoop, run_virtual

NEVER = Throttle(factor=0)
TIMER_S = 0.001
"""How late a timer may be: a real loop knows milliseconds."""


class Gateway:
    """One group and its scheduler on a loop whose work takes time; records its flushes."""

    def __init__(self, throttle: Throttle, flush_s: float, *, tick_s: float = 0.0, stretch: float = 1.0) -> None:
        """A flush takes ``flush_s`` of CPU, and a read ``tick_s``; both last ``stretch`` times as long."""
        self.loop = asyncio.get_running_loop()
        assert isinstance(self.loop, VirtualTimeLoop)
        self.jump = self.loop.jump
        self.flush_s, self.tick_s, self.stretch = flush_s, tick_s, stretch
        self.used = 0.0
        self.published = 0
        self.load = LoopLoad(self.loop.time, lambda: self.used)
        self.scheduler = SharedFlushScheduler(self.loop, self.load, throttle, lambda: self.published, FanOut())
        self.pending: list[float] = []
        self.flushed_at: list[float] = []
        self.delays: list[tuple[float, float]] = []
        """When each tick came, and how long it waited until its flush was over."""
        self.rests: list[float] = []
        """When ticks had to wait for the end of a rest."""

    def work(self, cpu_s: float) -> None:
        self.used += cpu_s
        self.jump(cpu_s * self.stretch)

    def flush(self) -> None:
        self.flushed_at.append(self.loop.time())
        self.work(self.flush_s)
        pending, self.pending = self.pending, []
        self.delays += [(at, self.loop.time() - at) for at in pending]

    def read(self, arrived: list[float]) -> None:
        """Take ticks that arrived at these times."""
        self.work(self.tick_s)
        self.published += len(arrived)
        if not self.pending:
            self.scheduler.want(self)
            if self.scheduler._resting:
                self.rests.append(self.loop.time())
        self.pending += arrived

    async def feed(self, arrivals: list[float]) -> None:
        """Read ticks as they arrive, those that arrived while the loop was at work together."""
        arrivals = sorted(arrivals, reverse=True)
        while arrivals:
            await asyncio.sleep(arrivals[-1] - self.loop.time())
            arrived = []
            while arrivals and arrivals[-1] <= self.loop.time():
                arrived.append(arrivals.pop())
            if arrived:
                self.read(arrived)
        await asyncio.sleep(1)

    def share(self, since: float, until: float) -> float:
        """The share of a core that flushes took between two times."""
        return sum(since <= at < until for at in self.flushed_at) * self.flush_s / (until - since)


def regular(per_s: float, seconds: float, since: float = 0.0, *, burst: int = 1, apart_s: float = 0.0) -> list[float]:
    """The times of ``per_s`` bursts in each second, whose ticks are ``apart_s`` apart."""
    return [
        since + number / per_s + which * apart_s for number in range(round(per_s * seconds)) for which in range(burst)
    ]


def ran(arrivals: list[float], make: Callable[[], Gateway]) -> Gateway:
    """A gateway that got ticks at these times."""

    async def main() -> Gateway:
        gateway = make()
        await gateway.feed(arrivals)
        return gateway

    return run_virtual(main())


def test_quiet_groups_are_flushed_in_the_next_turn_of_the_loop() -> None:
    """If flushes cost almost nothing, groups are flushed without delay, all in the same turn."""

    async def main() -> None:
        gateway, other = Gateway(Throttle(), 0.0), Gateway(Throttle(), 0.0)
        for expected in range(1, 50):
            gateway.scheduler.want(gateway)
            gateway.scheduler.want(other)
            assert expected - 1 == len(gateway.flushed_at)
            await asyncio.sleep(0)
            assert expected == len(gateway.flushed_at) == len(other.flushed_at)
        assert {0.0} == set(gateway.flushed_at)

    run_virtual(main())


@given(
    st.floats(100, 2000),
    st.floats(0.01, 0.45),
    st.floats(1, 2),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.0001, 0.001]),
)
@example(100, 0.45, 1, 5, 0.001)
@settings(deadline=None, max_examples=40)
def test_a_loop_busy_for_less_than_half_a_core_never_rests(
    per_s: float, share: float, stretch: float, burst: int, apart_s: float
) -> None:
    """Whatever the rhythm, and although a neighbour makes work last longer, no tick waits for the end of a rest."""
    flushes = 1 if apart_s == 0 else burst
    gateway = ran(
        regular(per_s, 0.5, burst=burst, apart_s=apart_s),
        lambda: Gateway(Throttle(), share / per_s / flushes, stretch=stretch),
    )
    assert [] == gateway.rests


@given(st.floats(20, 500), st.floats(0.05, 0.45), st.integers(1, 3), st.sampled_from([0.0, 0.0001, 0.002]))
@example(100, 0.45, 2, 0.0001)
@settings(deadline=None, max_examples=40)
def test_rests_end_when_the_loop_is_no_longer_busy(per_s: float, share: float, burst: int, apart_s: float) -> None:
    """After a flood, a load of less than half a core is served without rests again, a moment later."""
    flushes = 1 if apart_s == 0 else burst

    def make() -> Gateway:
        gateway = Gateway(Throttle(), 0.006)
        gateway.loop.call_at(0.5, setattr, gateway, "flush_s", share / per_s / flushes)
        return gateway

    gateway = ran(regular(200, 0.5) + regular(per_s, 1.0, 0.5, burst=burst, apart_s=apart_s), make)
    assert [at for at in gateway.rests if at < 0.5]
    assert [] == [at for at in gateway.rests if at > 0.8]


def test_a_busy_loop_rests_so_that_it_works_less_and_hardly_later() -> None:
    """2,000 single ticks/s of 0.45 ms each: below 70 % of a core in place of 95, and below 5 ms."""
    eager, resting = (
        ran(regular(2000, 2), lambda throttle=throttle: Gateway(throttle, 0.00045, tick_s=0.00002))  # type: ignore[misc]
        for throttle in (NEVER, Throttle())
    )
    assert eager.share(1, 2) > 0.85
    # In each tenth of a second, not on average only: it does not swing to and fro.
    shares = [resting.share(1 + part / 10, 1.1 + part / 10) for part in range(10)]
    assert max(shares) < 0.7
    assert max(shares) - min(shares) < 0.2
    assert max(delay for at, delay in resting.delays if at > 0.5) < 0.005


def test_rests_grow_with_the_load() -> None:
    """The busier the loop would be, up to nine tenths of a core, the longer are rests, in flushes' times."""
    throttle = Throttle()
    rests = [throttle.rest_s(demand / 100, 0.001) for demand in range(200)]
    assert {0.0} == set(rests[:51])
    assert rests[51:91] == sorted(set(rests[51:91]))
    assert {0.003} == {round(rest, 9) for rest in rests[90:]}


@given(st.floats(0, 20), st.floats(0, 10))
def test_no_rest_is_longer_than_the_longest(demand: float, cost_s: float) -> None:
    """At most 5 ms while a core is enough, 14 ms beyond, and never so that flushes get less than a quarter."""
    rest_s = Throttle().rest_s(demand, cost_s)
    assert 0 <= rest_s <= min(0.005 if demand <= 0.9 else 0.014, 3 * cost_s) + 1e-9


def test_a_flood_gets_the_longest_rest() -> None:
    """If flushes of 6 ms are due each millisecond, 14 ms are between two, and ticks are joined."""
    gateway = ran(regular(1000, 2), lambda: Gateway(Throttle(), 0.006))
    gaps = [later - at - 0.006 for at, later in zip(gateway.flushed_at, gateway.flushed_at[1:], strict=False) if at > 1]
    assert 0.0139 < min(gaps)
    assert max(gaps) < 0.0161


@given(
    st.lists(st.tuples(st.floats(0, 0.02), st.integers(1, 30)), min_size=1, max_size=150),
    st.floats(0, 0.02),
    st.floats(0, 0.002),
    st.floats(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_whatever_comes_nobody_waits_longer_than_a_rest_and_the_work_before_it(
    gaps: list[tuple[float, int]], flush_s: float, tick_s: float, stretch: float
) -> None:
    """Every tick goes out: after the flush that it met, the read, the longest rest, and its own flush."""
    arrivals, at = [], 0.0
    for gap_s, count in gaps:
        at += gap_s
        arrivals += [at] * count
    gateway = ran(arrivals, lambda: Gateway(Throttle(), flush_s, tick_s=tick_s, stretch=stretch))
    assert len(arrivals) == len(gateway.delays)
    # Reads go on during a rest, and may delay its end by one more.
    bound_s = Throttle().longest_s + stretch * (2 * flush_s + 3 * tick_s) + TIMER_S
    assert max(delay for _, delay in gateway.delays) <= bound_s
    assert not gateway.scheduler._resting


def test_a_loop_that_gets_too_little_of_a_core_rests() -> None:
    """Where neighbours leave a third of a core, a load of half a core is a flood: there are no gaps between flushes."""
    gateway = ran(regular(500, 2), lambda: Gateway(Throttle(), 0.001, stretch=3))
    eager = ran(regular(500, 2), lambda: Gateway(NEVER, 0.001, stretch=3))
    assert gateway.load.busy < 0.4
    assert len(gateway.flushed_at) < 0.7 * len(eager.flushed_at)


def test_ticks_that_wait_too_long_for_their_flush_may_be_replaced() -> None:
    """If a read takes longer than the longest rest, newer ticks no longer have a flush of their own in it."""

    async def main() -> None:
        gateway = Gateway(Throttle(), 0.001)
        gateway.scheduler.want(gateway)
        gateway.jump(0.013)
        assert not gateway.scheduler.resting
        gateway.jump(0.002)
        assert gateway.scheduler.resting
        await asyncio.sleep(0)
        gateway.scheduler.want(gateway)
        assert not gateway.scheduler.resting

    run_virtual(main())


def test_a_rest_that_a_timer_cannot_measure_is_left_out() -> None:
    """Where less than half a millisecond of rest is left, ticks go out at once and are not conflated."""
    gateway = ran(regular(8000, 1), lambda: Gateway(Throttle(), 0.0001))
    assert 0.0003 < LEAST_S
    assert [] == gateway.rests


def test_a_factor_of_zero_never_rests() -> None:
    """With resting switched off even expensive flushes come at once, and no clock is read for them."""

    async def main() -> None:
        gateway = Gateway(NEVER, 1.0)
        for turn in range(5):
            gateway.scheduler.want(gateway)
            await asyncio.sleep(0)
            assert turn + 1 == len(gateway.flushed_at)
        assert not gateway.load._busy

    run_virtual(main())


def test_a_cohort_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """If the flush of one group raises, the others are flushed, and the fault is logged."""

    class BrokenCohort:
        def flush(self) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        gateway = Gateway(Throttle(), 0.0)
        gateway.scheduler.want(BrokenCohort())
        gateway.scheduler.want(gateway)
        await asyncio.sleep(0)
        assert [0.0] == gateway.flushed_at

    run_virtual(main())
    assert "ZeroDivisionError" in caplog.text


def test_a_rate_spaces_flushes_and_adds_nothing_after_a_quiet_time() -> None:
    """At 2 Hz no two flushes are closer than half a second, start included; one after a pause comes at once."""

    async def main() -> None:
        gateway = Gateway(NEVER, 0.0)
        scheduler = RatedFlushScheduler(asyncio.get_running_loop(), hz=2)
        for _ in range(17):
            scheduler.want(gateway)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.3)
        scheduler.want(gateway)
        await asyncio.sleep(0.001)
        assert [0.5, 1.0, 1.5, 2.0, 3.0] == [round(at, 6) for at in gateway.flushed_at]

    run_virtual(main())
