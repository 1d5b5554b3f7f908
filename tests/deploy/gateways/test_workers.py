"""When workers are started and ended, without processes; with them it is in tests/integration/test_boots.py."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from gunicorn.errors import HaltServer

from deploy.gateways.workers import ENOUGH_S, LONGEST_PAUSE_S, Workers

NO_PROCESS = 2**22
"""Above every process id that Linux gives; those of workers that are alive are below zero here, which is a group's."""


@dataclass
class Worker:
    """A worker as far as the arbiter looks at it."""

    age: int
    serves: bool = True

    class tmp:  # noqa: N801 # gunicorn's name
        """The file by which a worker shows that it lives."""

        @staticmethod
        def close() -> None: ...


@dataclass
class Arbiter:
    """gunicorn's, whose workers are numbers: it starts, ends and reaps as told."""

    num_workers: int = 1
    WORKERS: dict[int, Worker] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    stopping: list[int] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)
    """Workers that have ended and were not reaped yet: process, exit code."""
    wait: Callable[[], None] = lambda: None
    """What happens while a reload waits."""
    started: int = 0

    @property
    def log(self) -> "Arbiter":
        return self

    def error(self, form: str, *values: object) -> None:
        self.said.append(form % values)

    def start(self, *, serves: bool = True) -> int:
        self.started += 1
        pid = NO_PROCESS + self.started
        self.WORKERS[pid] = Worker(self.started, serves)
        return pid

    def spawn_workers(self) -> None:
        while len(self.WORKERS) < self.num_workers:
            self.start()

    def manage_workers(self) -> None:
        if len(self.WORKERS) < self.num_workers:
            self.spawn_workers()
        oldest = sorted(self.WORKERS, key=lambda pid: self.WORKERS[pid].age)
        self.stopping.extend(oldest[: max(0, len(oldest) - self.num_workers)])

    def reap_workers(self) -> None:
        while self.ends:
            pid, code = self.ends.pop(0)
            if code == 3:
                raise HaltServer("Worker failed to boot.", 3)
            self.WORKERS.pop(pid)

    def handle_hup(self) -> None:
        self.start(serves=False)
        self.manage_workers()
        for _ in range(10):
            self.wait()
            self.reap_workers()


class Clock:
    """A clock that stands until it is set."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Make a clock."""
    return Clock()


@pytest.fixture
def arbiter(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Arbiter:
    """One that has started its worker."""
    made = Arbiter()
    # In these tests a process is alive as long as it has not ended.
    monkeypatch.setattr("deploy.gateways.workers._is_alive", lambda pid: pid not in gone)
    gone: set[int] = set()
    workers = Workers(made, clock)
    reap = made.reap_workers

    def reaping() -> None:
        gone.update(pid for pid, _ in made.ends)
        reap()

    made.reap_workers = reaping  # type: ignore[method-assign] # it records, too
    made.manage_workers()
    assert workers
    return made


def only(arbiter: Arbiter) -> int:
    """Return the process id of the one worker."""
    [pid] = arbiter.WORKERS
    return pid


def pauses(arbiter: Arbiter, clock: Clock, ends: int, *, lives_s: float, **state: Any) -> list[float]:
    """How long after each end of a worker the next one is started."""
    measured = []
    for _ in range(ends):
        pid = only(arbiter)
        arbiter.WORKERS[pid].serves = state.get("serves", True)
        clock.now += lives_s
        arbiter.ends.append((pid, state.get("code", 70)))
        arbiter.reap_workers()
        ended_at = clock.now
        arbiter.manage_workers()
        while not arbiter.WORKERS:
            clock.now += 0.5
            arbiter.manage_workers()
        measured.append(clock.now - ended_at)
    return measured


def test_a_worker_that_served_long_is_started_anew_at_once(arbiter: Arbiter, clock: Clock) -> None:
    """However often."""
    assert pauses(arbiter, clock, 5, lives_s=ENOUGH_S) == [0] * 5
    assert arbiter.said == []


def test_pauses_grow_while_workers_end_early(arbiter: Arbiter, clock: Clock) -> None:
    """The first is for free; they have an end; one line is said of each; a long life sets them back."""
    assert pauses(arbiter, clock, 9, lives_s=1) == [
        0,
        1,
        2,
        4,
        8,
        16,
        LONGEST_PAUSE_S,
        LONGEST_PAUSE_S,
        LONGEST_PAUSE_S,
    ]
    assert len(arbiter.said) == 8
    assert "2 times in a row; the next one starts in 1 s" in arbiter.said[0]
    assert pauses(arbiter, clock, 1, lives_s=ENOUGH_S) == [0]
    assert pauses(arbiter, clock, 2, lives_s=1) == [0, 1]


def test_one_that_never_served_is_not_started_anew_at_once(arbiter: Arbiter, clock: Clock) -> None:
    """It would end in the same way."""
    assert pauses(arbiter, clock, 3, lives_s=ENOUGH_S, serves=False) == [1, 2, 4]


def test_a_reload_waits_for_nothing(arbiter: Arbiter, clock: Clock) -> None:
    """Whoever hangs up has fixed something."""
    pauses(arbiter, clock, 6, lives_s=1)
    arbiter.ends.append((only(arbiter), 70))
    arbiter.reap_workers()
    arbiter.handle_hup()
    assert len(arbiter.WORKERS) == 1


def test_the_old_one_is_told_to_stop_once_the_new_one_serves(arbiter: Arbiter) -> None:
    """And once only, though gunicorn looks many times."""
    old = only(arbiter)
    looks: list[list[int]] = []

    def wait() -> None:
        looks.append(list(arbiter.stopping))
        if len(looks) == 3:
            arbiter.WORKERS[max(arbiter.WORKERS)].serves = True
        if len(looks) == 6:
            arbiter.ends.append((old, 0))

    arbiter.wait = wait
    arbiter.handle_hup()
    assert looks == [[]] * 3 + [[old]] * 7
    assert old not in arbiter.WORKERS
    arbiter.manage_workers()
    assert (len(arbiter.WORKERS), arbiter.said) == (1, [])


@pytest.mark.parametrize("code", [3, 1, 70])
def test_a_reload_that_fails_changes_nothing(arbiter: Arbiter, code: int) -> None:
    """However the new one ends: the old one stays, nothing is waited for, and one line says so."""
    old = only(arbiter)
    waits = 0

    def wait() -> None:
        nonlocal waits
        waits += 1
        if waits == 2:
            arbiter.ends.append((max(arbiter.WORKERS), code))

    arbiter.wait = wait
    arbiter.handle_hup()
    assert (only(arbiter), arbiter.stopping, waits) == (old, [], 2)
    assert arbiter.said == ["the new worker cannot start; the old one serves on, with the settings it has"]


def test_without_an_old_one_a_failed_boot_ends_the_arbiter(arbiter: Arbiter) -> None:
    """At the start, after a crash, and where the old one was on its way out already."""
    arbiter.ends.append((only(arbiter), 3))
    with pytest.raises(HaltServer):
        arbiter.reap_workers()
    old = arbiter.start()
    new = arbiter.start()
    arbiter.manage_workers()
    assert arbiter.stopping == [old]
    arbiter.ends.append((new, 3))
    with pytest.raises(HaltServer):
        arbiter.reap_workers()
