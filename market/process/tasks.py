"""End tasks, whatever they do with a cancellation.

A single cancellation may get lost: on Python 3.11 `asyncio.wait_for` loses one that comes in the moment in which the
awaited task is done, and redis-py calls it for every command. A caller that cancels once and then waits may wait for
ever. So these functions cancel a task again and again until it has ended.
"""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

AGAIN_S: Final = 1.0
"""Time between two cancellations of one task: enough for the cleanup of a connection."""


async def end(*tasks: asyncio.Task[Any], again_s: float = AGAIN_S) -> None:
    """Cancel ``tasks``, and return when all have ended. Their results and errors stay in them.

    If the caller is cancelled meanwhile, that is raised after they have ended: no task is left behind.
    """
    cancelled: asyncio.CancelledError | None = None
    press_at = 0.0
    clock = asyncio.get_running_loop().time
    while running := [task for task in tasks if not task.done()]:
        if clock() >= press_at:
            for task in running:
                task.cancel()
            press_at = clock() + again_s
        try:
            await asyncio.wait(running, timeout=press_at - clock())
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


class Group:
    """`asyncio.TaskGroup` that ends: when it cancels, it cancels again every ``again_s`` until all have ended.

    The rest is the same: the first task that raises ends the others and the body, and the errors of all come as one
    `ExceptionGroup`; a cancellation of the body ends the tasks too.
    """

    def __init__(self, *, again_s: float = AGAIN_S) -> None:
        self._again_s = again_s
        self._tasks: set[asyncio.Task[Any]] = set()
        self._errors: list[BaseException] = []
        self._parent: asyncio.Task[Any] | None = None
        self._in_body = False
        self._pressed = 0
        """How often we cancelled the body's task."""
        self._timer: asyncio.TimerHandle | None = None
        self._aborting = False

    async def __aenter__(self) -> Self:
        self._parent = asyncio.current_task()
        self._in_body = True
        return self

    def create_task(self, coroutine: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Run ``coroutine`` as one of the group.

        Raises:
            RuntimeError: the group is ending, or has not begun.
        """
        if self._parent is None or self._aborting or not (self._in_body or self._tasks):
            coroutine.close()
            raise RuntimeError("the group takes no tasks now")
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._parent is not None
        self._in_body = False
        cancelled = error if isinstance(error, asyncio.CancelledError) else None
        for _ in range(self._pressed):
            # Our own cancellations are over now and must not reach others.
            if self._parent.uncancel() == 0:
                cancelled = None
        if error is not None:
            self._abort()
        while self._tasks:
            try:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
            except asyncio.CancelledError as outer:
                cancelled = outer
                self._abort()
        if self._timer is not None:
            self._timer.cancel()
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._errors.append(error)
        try:
            for one in self._errors:
                if isinstance(one, KeyboardInterrupt | SystemExit):
                    raise one
            if self._errors:
                raise BaseExceptionGroup("tasks of a group failed", self._errors) from None
            if cancelled is not None:
                raise cancelled
        finally:
            # A cycle between error and group would have to wait for the garbage collector.
            self._errors = []
            self._parent = None
            del cancelled, error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)
            self._abort()

    def _abort(self) -> None:
        if not self._aborting:
            self._aborting = True
            self._press()

    def _press(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._in_body and self._parent is not None:
            self._pressed += 1
            self._parent.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._again_s, self._press)
