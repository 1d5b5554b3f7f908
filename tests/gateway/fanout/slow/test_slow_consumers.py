"""Slow consumers on a virtual clock: checked often while there are any, and not at all otherwise."""

import asyncio

import pytest

from gateway.fanout.cohorts.member import Member
from gateway.fanout.cohorts.window import UnansweredPing, Window
from gateway.fanout.slow.backlog import SlowConsumer
from gateway.fanout.slow.slow_consumers import SERVED_AT_ONCE, SWEEP_S, SlowConsumers
from tests.fakes import RecordingMember, VirtualTimeLoop, run_virtual


def lag(slow_consumers: SlowConsumers) -> RecordingMember:
    """Add a member that does not drain."""
    member = RecordingMember()
    member.draining = False
    slow_consumers.add(member, SlowConsumer(0, {}, {}, {}, 0, 0, asyncio.get_running_loop().time(), Window()))
    return member


def test_one_that_drains_is_served_by_the_next_sweep() -> None:
    """A consumer that has drained is passed on to catch up; others are not touched."""

    async def main() -> None:
        served: list[Member] = []

        def catch_up(member: Member) -> None:
            slow_consumers.pop(member)
            served.append(member)

        slow_consumers = SlowConsumers(10, catch_up)
        first, second = lag(slow_consumers), lag(slow_consumers)
        await asyncio.sleep(1)
        first.draining = True
        await asyncio.sleep(SWEEP_S * 1.01)
        assert [first] == served
        assert 1 == len(slow_consumers)
        assert slow_consumers.get(second) is not None

    run_virtual(main())


def test_nothing_runs_where_nobody_lags() -> None:
    """With the last slow consumer gone the sweeping stops; with a new one it starts again."""

    async def main() -> None:
        slow_consumers = SlowConsumers(10, lambda _member: None)
        slow_consumers.pop(lag(slow_consumers))
        await asyncio.sleep(1)
        assert slow_consumers._timer is None
        lag(slow_consumers)
        assert slow_consumers._timer is not None

    run_virtual(main())


def test_the_timeout_counts_from_the_first_lag() -> None:
    """A consumer that never drains is cut off when its time is over, and not before."""

    async def main() -> None:
        slow_consumers = SlowConsumers(3, lambda _member: None)
        member = lag(slow_consumers)
        await asyncio.sleep(2.9)
        assert "" == member.aborted
        await asyncio.sleep(0.2)
        assert "lagged too long" == member.aborted

    run_virtual(main())


def test_a_connection_knows_for_how_long_it_was_slow() -> None:
    """All its times as a slow consumer together, without those between."""

    async def main() -> None:
        slow_consumers = SlowConsumers(10, lambda _member: None)
        member = lag(slow_consumers)
        await asyncio.sleep(2)
        consumer = slow_consumers.pop(member)
        assert consumer is not None
        await asyncio.sleep(5)
        assert slow_consumers.pop(member) is None
        assert pytest.approx(2) == member.slow_s
        slow_consumers.add(member, consumer)
        await asyncio.sleep(1)
        slow_consumers.pop(member)
        assert pytest.approx(3) == member.slow_s

    run_virtual(main())


def test_many_that_drain_at_once_are_served_a_few_at_a_time() -> None:
    """Many that drain at once are served a few at a time, with other calls between; removed ones are skipped."""

    async def main() -> None:
        served: list[Member] = []

        def catch_up(member: Member) -> None:
            slow_consumers.pop(member)
            served.append(member)
            if len(served) == 1:
                slow_consumers.pop(members[-1])

        slow_consumers = SlowConsumers(10, catch_up)
        members = [lag(slow_consumers) for _ in range(3 * SERVED_AT_ONCE)]
        for member in members:
            member.draining = True
        slow_consumers.sweep()
        assert SERVED_AT_ONCE == len(served)
        await asyncio.sleep(0.01)
        assert members[:-1] == served
        assert slow_consumers._timer is None

    run_virtual(main())


def test_time_that_the_process_stood_still_does_not_count() -> None:
    """Time in which our process stood still does not count against a slow consumer."""

    async def main() -> None:
        slow_consumers = SlowConsumers(3, lambda _member: None)
        member = lag(slow_consumers)
        await asyncio.sleep(1)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.jump(100)
        await asyncio.sleep(1.9)
        assert "" == member.aborted
        await asyncio.sleep(0.2)
        assert "lagged too long" == member.aborted

    run_virtual(main())


def test_who_reads_is_not_cut_off_however_slow() -> None:
    """The timeout counts from the last answer; a consumer with an unanswered ping does not catch up yet."""

    async def main() -> None:
        served: list[Member] = []
        slow_consumers = SlowConsumers(3, served.append)
        member = lag(slow_consumers)
        member.draining, member.rtt_s = True, 0.01
        consumer = slow_consumers.get(member)
        assert consumer is not None
        for _ in range(5):
            consumer.window.sent = UnansweredPing(1, asyncio.get_running_loop().time())
            await asyncio.sleep(2)
            consumer.since = asyncio.get_running_loop().time()
        assert ([], "") == (served, member.aborted)
        await asyncio.sleep(3.1)
        assert ([], "lagged too long") == (served, member.aborted)

    run_virtual(main())
