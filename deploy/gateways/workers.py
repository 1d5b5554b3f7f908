"""When gunicorn's arbiter starts a worker, and when it ends one.

An unchanged arbiter restarts an ended worker at once, hundreds of times if need be. On SIGHUP it ends the old
worker before the new one has booted. And a new worker that cannot boot ends the arbiter, and the old worker with it.
Here a worker that ends early is started after a growing pause. The old worker is told to stop when the new one serves;
if the new one cannot boot, the old one serves on. Without an old one, a worker that cannot boot still ends the arbiter,
with gunicorn's exit code 3: somebody has to fix its settings, or what it imports, first.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from gunicorn.errors import HaltServer

from deploy.log_events import SUCCESSOR_FAILED, WORKER_ENDED_EARLY

ENOUGH_S: Final = 60.0
"""A worker that served this long is restarted at once."""
LONGEST_PAUSE_S: Final = 30.0


class SuccessorFailedError(Exception):
    """The worker that a reload started is gone. This ends gunicorn's wait for the old one."""


class Workers:
    """The workers of one arbiter, a `gunicorn.arbiter.Arbiter`."""

    def __init__(self, arbiter: Any, clock: Callable[[], float] = time.monotonic) -> None:
        """From now on ``arbiter`` calls these methods."""
        self._arbiter = arbiter
        self._clock = clock
        self._spawn, self._manage = arbiter.spawn_workers, arbiter.manage_workers
        self._reap, self._hang_up = arbiter.reap_workers, arbiter.handle_hup
        arbiter.spawn_workers, arbiter.manage_workers = self.spawn, self.manage
        arbiter.reap_workers, arbiter.handle_hup = self.reap, self.hang_up
        self._since: dict[int, float] = {}
        """Process -> when it was first seen."""
        self._stopped: set[int] = set()
        """Processes that were told to stop."""
        self._early_ends = 0
        """The number of workers in a row that ended too early."""
        self._spawn_at = 0.0
        self._paused = False
        self._replacing: frozenset[int] = frozenset()
        """While gunicorn reloads: the workers from before."""

    def spawn(self) -> None:
        """Start the missing workers, unless it is too early; gunicorn calls this each second."""
        pause_s = self._spawn_at - self._clock()
        if pause_s <= 0:
            self._paused = False
            self._spawn()
        elif not self._paused:
            self._paused = True
            self._arbiter.log.error(WORKER_ENDED_EARLY, self._early_ends, pause_s)

    def manage(self) -> None:
        """Start missing workers, or stop surplus ones: the oldest first, once the newest serves."""
        self._note()
        workers = sorted(self._arbiter.WORKERS.items(), key=lambda entry: entry[1].age)
        too_many = {pid for pid, _ in workers[: max(0, len(workers) - self._arbiter.num_workers)]}
        if too_many and (too_many <= self._stopped or not _serves(workers[-1][1])):
            return
        self._stopped |= too_many
        self._manage()
        self._note()

    def reap(self) -> None:
        """See which workers have ended.

        Raises:
            HaltServer: the last one could not boot.
            SuccessorFailedError: a reload has come to nothing.
        """
        self._note()
        before = dict(self._arbiter.WORKERS)
        try:
            self._reap()
        except HaltServer:
            self._drop_dead(before)
            if not any(_serves(worker) for pid, worker in self._arbiter.WORKERS.items() if pid not in self._stopped):
                raise
        self._judge(before)
        if self._replacing:
            if self._arbiter.WORKERS and self._arbiter.WORKERS.keys() <= self._replacing - self._stopped:
                raise SuccessorFailedError
            # While it waits, gunicorn itself does nothing else.
            self.manage()

    def hang_up(self) -> None:
        """Replace the workers at once if their successors can serve."""
        self._early_ends, self._spawn_at = 0, 0.0
        self._replacing = frozenset(self._arbiter.WORKERS)
        try:
            self._hang_up()
        except SuccessorFailedError:
            if self._arbiter.num_workers:
                self._arbiter.log.error(SUCCESSOR_FAILED)  # noqa: TRY400 - one line
        finally:
            self._replacing = frozenset()

    def _note(self) -> None:
        for pid in self._arbiter.WORKERS:
            self._since.setdefault(pid, self._clock())

    def _drop_dead(self, before: Mapping[int, Any]) -> None:
        """Forget the worker that could not boot, so that gunicorn does not end because of it."""
        for pid, worker in before.items():
            if not _is_alive(pid):
                self._arbiter.WORKERS.pop(pid, None)
                worker.tmp.close()

    def _judge(self, before: Mapping[int, Any]) -> None:
        """Set a pause if a worker ended too early. The first end is free if that worker has served."""
        for pid, worker in before.items():
            if pid in self._arbiter.WORKERS:
                continue
            lived_s = self._clock() - self._since.pop(pid)
            if pid in self._stopped:
                self._stopped.discard(pid)
                continue
            if _serves(worker) and lived_s >= ENOUGH_S:
                self._early_ends = 0
                continue
            self._early_ends += 1
            steps = self._early_ends - (2 if _serves(worker) else 1)
            pause_s = min(LONGEST_PAUSE_S, 2.0**steps) if steps >= 0 else 0.0
            self._spawn_at = self._clock() + pause_s


def _serves(worker: Any) -> bool:
    """Whether a worker serves. A worker that cannot report it counts as serving."""
    return bool(getattr(worker, "serves", True))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
