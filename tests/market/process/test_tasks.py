"""Tasks end, even those that lose a cancellation."""

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from market.process.tasks import AGAIN_S, Group, end
from tests.fakes import run_virtual


async def deaf(times: int = 1) -> None:
    """Lose the first ``times`` cancellations, as `asyncio.wait_for` may."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            times -= 1
            if times < 0:
                raise


async def fail() -> None:
    """Fail after a second."""
    await asyncio.sleep(1)
    raise OSError("broken")


def now() -> float:
    """Return the event loop's time."""
    return asyncio.get_running_loop().time()


async def started(*coroutines: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    """Start tasks, and let each take its first step."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_a_task_that_loses_cancellations_still_ends(lost: int) -> None:
    """A task that loses any number of cancellations is cancelled again each `AGAIN_S`."""

    async def main() -> None:
        (task,) = await started(deaf(lost))
        await end(task)
        assert task.cancelled()
        assert lost * AGAIN_S == pytest.approx(now())

    run_virtual(main())


def test_wait_for_loses_a_cancellation_and_the_task_still_ends() -> None:
    """The real case: a cancellation in the moment in which the awaited task of `asyncio.wait_for` is done."""

    async def main() -> None:
        done = asyncio.get_running_loop().create_future()

        async def victim() -> None:
            await asyncio.wait_for(done, 10)
            await asyncio.sleep(3600)

        (task,) = await started(victim())
        await asyncio.sleep(0)
        done.set_result(None)
        await end(task)
        assert task.cancelled()
        assert now() <= AGAIN_S + 0.1

    run_virtual(main())


def test_cleaning_up_is_not_disturbed() -> None:
    """A task that ends within `AGAIN_S` after its cancellation is cancelled once."""
    cancelled = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            try:
                await asyncio.sleep(AGAIN_S * 0.9)
            except asyncio.CancelledError:
                cancelled.append("again")
                raise

    async def main() -> None:
        await end(*await started(tidy(), deaf()))

    run_virtual(main())
    assert [] == cancelled


def test_who_ends_others_and_is_cancelled_leaves_none_behind() -> None:
    """The cancellation of the caller is passed on when all have ended."""

    async def main() -> None:
        (task,) = await started(deaf(2))
        (ending,) = await started(end(task))
        ending.cancel()
        await asyncio.wait((ending,))
        assert ending.cancelled()
        assert task.done()

    run_virtual(main())


def test_tasks_that_have_ended_already_are_left_as_they_are() -> None:
    """Ended tasks need no work, and an error stays in its task."""

    async def main() -> None:
        (task,) = await started(fail())
        await asyncio.wait((task,))
        await end(task)
        await end()
        assert isinstance(task.exception(), OSError)

    run_virtual(main())


def test_the_first_error_ends_a_group_whose_tasks_lose_cancellations() -> None:
    """A task that raises ends the others and the body, and its error comes out."""

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the group raises, at its end
            async with Group() as group:
                group.create_task(deaf())
                group.create_task(fail())
                group.create_task(deaf(2))
                await asyncio.sleep(3600)
        assert ["broken"] == [str(error) for error in caught.value.exceptions]
        assert 1 + 2 * AGAIN_S == pytest.approx(now())
        # Nothing of the cancellations that the group made is left for others to trip over.
        task = asyncio.current_task()
        assert task is not None
        assert 0 == task.cancelling()
        await asyncio.sleep(1)

    run_virtual(main())


def test_a_body_that_loses_its_cancellation_ends_too() -> None:
    """The body is cancelled again as its tasks are."""

    async def main() -> None:
        with pytest.raises(ExceptionGroup):  # noqa: PT012 - the group raises, at its end
            async with Group() as group:
                group.create_task(fail())
                await deaf()
        assert 1 + AGAIN_S == pytest.approx(now())

    run_virtual(main())


def test_a_group_inside_a_group_ends() -> None:
    """An outer group's cancellation reaches what an inner one runs, however deep."""

    async def inner() -> None:
        async with Group() as group:
            group.create_task(deaf(2))
            await deaf()

    async def main() -> None:
        with pytest.raises(ExceptionGroup):  # noqa: PT012 - the group raises, at its end
            async with Group() as group:
                group.create_task(inner())
                group.create_task(fail())
        assert now() <= 1 + 6 * AGAIN_S

    run_virtual(main())


def test_a_group_waits_for_its_tasks() -> None:
    """The body's end ends nothing; tasks may make more tasks meanwhile."""
    ended = []

    async def main() -> None:
        async def one(name: str) -> None:
            await asyncio.sleep(1)
            ended.append(name)

        async def two() -> None:
            await asyncio.sleep(1)
            group.create_task(one("late"))

        async with Group() as group:
            group.create_task(one("early"))
            group.create_task(two())

    run_virtual(main())
    assert ["early", "late"] == ended


def test_a_body_that_raises_ends_its_tasks() -> None:
    """Its error comes out in the group's, as with `asyncio.TaskGroup`."""

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the group raises, at its end
            async with Group() as group:
                group.create_task(deaf())
                await asyncio.sleep(0)
                raise ValueError("mine")
        assert ["mine"] == [str(error) for error in caught.value.exceptions]

    run_virtual(main())


@pytest.mark.parametrize("in_body", [True, False])
def test_a_timeout_around_a_group_is_a_timeout(in_body: bool) -> None:
    """A cancellation from outside ends the tasks and goes on outwards, in the body and behind it."""

    async def main() -> None:
        with pytest.raises(TimeoutError):  # noqa: PT012 - the group raises, at its end
            async with asyncio.timeout(5), Group() as group:
                task = group.create_task(deaf())
                if in_body:
                    await asyncio.sleep(3600)
        assert task.done()
        assert 5 + AGAIN_S == pytest.approx(now())

    run_virtual(main())


def test_a_group_that_ends_takes_no_more_tasks() -> None:
    """A coroutine that comes too late is refused, and closed."""

    async def main() -> None:
        group = Group()
        with pytest.raises(RuntimeError):
            group.create_task(fail())
        with pytest.raises(ExceptionGroup):  # noqa: PT012 - the group raises, at its end
            async with group:
                group.create_task(fail())
                try:
                    await asyncio.sleep(3600)
                finally:
                    with pytest.raises(RuntimeError):
                        group.create_task(deaf())

    run_virtual(main())


def test_nothing_of_a_failed_group_waits_for_the_collector() -> None:
    """Tasks and errors are freed with the last reference to them."""

    class Weight:
        pass

    async def main() -> weakref.ref[Weight]:
        weight = Weight()

        async def hold(weight: Weight) -> None:
            await asyncio.sleep(3600)

        try:
            async with Group() as group:
                group.create_task(hold(weight))
                group.create_task(fail())
        except* OSError:
            pass
        return weakref.ref(weight)

    gc.disable()
    try:
        assert run_virtual(main())() is None
    finally:
        gc.enable()
