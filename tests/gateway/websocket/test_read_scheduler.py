"""Which connection is served in which turn, with work that takes as long as the test says."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.websocket.read_scheduler import QUANTUM_S, TURN_S, ReadScheduler
from tests.fakes import Stopwatch, run_virtual

JOB_S = QUANTUM_S / 2


class Office:
    """A loop's turns, what was done in them, and by whom."""

    def __init__(self) -> None:
        self.watch = Stopwatch()
        self.scheduler = ReadScheduler(self.watch)
        self.done: list[tuple[Clerk, int]] = []

    async def finish(self) -> list[int]:
        """Let everybody go on to the end; how many jobs were done in each turn."""
        counts: list[int] = []
        for _ in range(10_000):
            if not len(self.scheduler):
                return counts
            before = len(self.done)
            await asyncio.sleep(0)
            counts.append(len(self.done) - before)
        raise AssertionError("somebody waits for ever")


class Clerk:
    """Somebody with jobs, one after the other."""

    def __init__(self, office: Office, payer: str | None = None, job_s: float = JOB_S) -> None:
        self.office = office
        self.payer = payer
        self.job_s = job_s
        self.jobs: list[int] = []
        self.given = 0

    def give(self, count: int = 1) -> None:
        """More jobs come."""
        self.jobs.extend(range(self.given, self.given + count))
        self.given += count
        scheduler = self.office.scheduler
        if self in scheduler:
            return
        if scheduler.begin():
            self.resume()
            scheduler.end()
        else:
            scheduler.wait(self, self.payer)

    def resume(self) -> None:
        while self.jobs:
            self.office.done.append((self, self.jobs.pop(0)))
            self.office.watch.now += self.job_s
            if self.jobs and self.office.scheduler.is_over():
                self.office.scheduler.wait(self, self.payer)
                return


def test_who_comes_while_there_is_time_does_not_wait() -> None:
    """Work that fits into a turn is done at once, and in the next turn as much again."""

    async def main() -> None:
        office = Office()
        for turn in range(1, 4):
            for _ in range(3):
                Clerk(office).give()
            assert (3 * turn, 0) == (len(office.done), len(office.scheduler))
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    run_virtual(main())


def test_a_turn_has_its_end() -> None:
    """For any number of connections and any work, a turn is not longer than its bound."""

    async def main() -> None:
        office = Office()
        clerks = [Clerk(office) for _ in range(100)]
        for clerk in clerks:
            clerk.give(3)
        most = round(TURN_S / JOB_S)
        assert most == len(office.done)
        counts = await office.finish()
        assert 300 == len(office.done)
        # Sums of floats may be a little less.
        assert max(counts) <= most + 1

    run_virtual(main())


def test_others_have_their_calls_between_the_turns() -> None:
    """Other calls of the event loop come between two portions of the work."""

    async def main() -> None:
        office = Office()
        Clerk(office).give(100)
        loop, seen = asyncio.get_running_loop(), []

        def look() -> None:
            seen.append(len(office.done))
            if len(office.scheduler):
                loop.call_soon(look)

        loop.call_soon(look)
        await office.finish()
        per_turn = round(TURN_S / JOB_S)
        assert len(seen) >= 100 // per_turn - 1
        assert all(after - before <= per_turn + 1 for before, after in itertools.pairwise(seen))

    run_virtual(main())


def test_many_of_one_address_do_not_stand_before_one_of_another() -> None:
    """Another address is served after one quantum, however many wait behind the first."""

    async def main() -> None:
        office = Office()
        crowd = [Clerk(office, "crowd") for _ in range(400)]
        for clerk in crowd:
            clerk.give(10)
        single, alone = Clerk(office, "single"), Clerk(office)
        single.give()
        alone.give()
        before = len(office.done)
        await asyncio.sleep(0)
        order = [clerk.payer for clerk, _ in office.done[before:]]
        per_quantum = round(QUANTUM_S / JOB_S)
        assert ["crowd"] * per_quantum + ["single", None] + ["crowd"] * 2 == order[: per_quantum + 4]
        await office.finish()
        assert [10] * 400 == [clerk.given for clerk in crowd]

    run_virtual(main())


def test_those_of_one_address_take_turns() -> None:
    """A connection with much work does not block others of the same address."""

    async def main() -> None:
        office = Office()
        busy, brief = Clerk(office, "a"), Clerk(office, "a")
        busy.give(1000)
        brief.give()
        before = len(office.done)
        await asyncio.sleep(0)
        assert brief in [clerk for clerk, _ in office.done[before:]]

    run_virtual(main())


def test_nobody_overtakes_who_waits() -> None:
    """A new connection waits behind earlier ones, also in the next turn."""

    async def main() -> None:
        office = Office()
        Clerk(office).give(100)
        assert not office.scheduler.begin()
        await asyncio.sleep(0)
        assert not office.scheduler.begin()
        await office.finish()
        await asyncio.sleep(0)
        assert office.scheduler.begin()

    run_virtual(main())


def test_who_goes_is_forgotten() -> None:
    """A removed connection leaves nothing, whether it waited or not."""

    async def main() -> None:
        office = Office()
        first, *others = [Clerk(office, "a"), Clerk(office, "a"), Clerk(office)]
        Clerk(office).give(20)
        for clerk in (first, *others):
            clerk.give(5)
        for clerk in others:
            assert clerk in office.scheduler
            office.scheduler.forget(clerk)
            office.scheduler.forget(clerk)
        await office.finish()
        assert [0, 1, 2, 3, 4] == [job for clerk, job in office.done if clerk is first]
        assert not {clerk for clerk, _ in office.done} & set(others)
        assert not office.scheduler._queues

    run_virtual(main())


def test_a_fault_with_one_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """A fault with one connection is logged, and the next ones continue."""

    class Broken(Clerk):
        def resume(self) -> None:
            raise RuntimeError("broken")

    async def main() -> None:
        office = Office()
        Clerk(office).give(20)
        Broken(office, "a").give()
        whole = Clerk(office, "a")
        whole.give(3)
        await office.finish()
        assert not whole.jobs

    run_virtual(main())
    assert "broken" in caplog.text


def test_a_quiet_loop_is_not_woken() -> None:
    """Little work schedules no turn of its own."""

    async def main() -> None:
        office = Office()
        for _ in range(4):
            Clerk(office, job_s=QUANTUM_S / 10).give()
        assert not office.scheduler._ends

    run_virtual(main())


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(1, 12), st.floats(0, 3 * TURN_S), st.booleans()), min_size=1))
def test_each_ones_order_is_kept_and_nothing_is_lost(steps: Sequence[tuple[int, int, float, bool]]) -> None:
    """For any jobs at any times, each is done once, and each connection's own in their order."""

    async def main() -> None:
        office = Office()
        clerks = [Clerk(office, payer) for payer in ("a", "a", "a", "b", "b", None, None, None)]
        for who, count, job_s, pause in steps:
            clerks[who].job_s = job_s
            clerks[who].give(count)
            if pause:
                await asyncio.sleep(0)
        await office.finish()
        done: dict[Clerk, list[int]] = defaultdict(list)
        for clerk, job in office.done:
            done[clerk].append(job)
        assert {clerk: list(range(clerk.given)) for clerk in clerks if clerk.given} == done

    run_virtual(main())
