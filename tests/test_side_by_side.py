"""Tests take turns: most share them, some are alone."""

import asyncio
import fcntl
import itertools
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from tests import side_by_side
from tests.side_by_side import DOOR, Starts, Turns
from tests.waiting import until

ROOT = Path(__file__).parent.parent

OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", "-n2", "--dist=load", "--maxschedchunk=1")

INI = """
[pytest]
markers =
    alone: no other test runs beside it
    integration: starts real processes
"""

CONFTEST = """
from tests.conftest import *
"""

# Each test says when it begins and ends. Those that share wait for one another, so that both workers must be at it.
TESTS = """
import os
import time
from pathlib import Path
import pytest

def say(word):
    with open("said", "a") as file:
        file.write(word + "\\n")

@pytest.mark.alone
@pytest.mark.parametrize("number", range(4))
def test_alone(number):
    say(f"alone {number} begins")
    time.sleep(0.05)  # for another to break in
    say(f"alone {number} ends")

@pytest.mark.parametrize("number", range(2))
def test_quick(number):
    say("quick")

@pytest.mark.integration
@pytest.mark.parametrize("number", range(4))
def test_together(number):
    say("together")
    Path(os.environ["PYTEST_XDIST_WORKER"]).touch()
    give_up = time.monotonic() + 20
    while len(list(Path().glob("gw*"))) < 2:
        assert time.monotonic() < give_up
        time.sleep(0.001)
"""


def is_locked(file: Path) -> bool:
    """Whether nobody else may have it now."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def start(folder: Path, said: list[str], word: str, *, alone: bool) -> Thread:
    """Somebody who wants a turn, and says so when it comes."""

    def run() -> None:
        with Turns(folder).turn(alone=alone):
            said.append(word)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(("cores", "workers"), [(1, 3), (2, 5), (3, 8), (4, 8), (64, 8)])
def test_there_are_more_workers_than_cores(cores: int, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five on two cores, and never more than eight."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)))
    assert workers == side_by_side.worker_count()


def test_turns_are_shared(tmp_path: Path) -> None:
    """A test runs while another does."""
    said: list[str] = []
    with Turns(tmp_path).turn(alone=False):
        start(tmp_path, said, "too", alone=False).join(10)
        assert said == ["too"]


async def test_who_wants_to_be_alone_waits_for_the_others_and_comes_before_the_next(tmp_path: Path) -> None:
    """A turn alone begins when those under way have ended; whoever asks meanwhile is later."""
    said: list[str] = []
    with Turns(tmp_path).turn(alone=False):
        alone = start(tmp_path, said, "alone", alone=True)
        await until(lambda: is_locked(tmp_path / DOOR))
        late = start(tmp_path, said, "late", alone=False)
        assert said == []
    alone.join(10)
    late.join(10)
    assert said == ["alone", "late"]


def test_nobody_comes_in_beside_who_is_alone(tmp_path: Path) -> None:
    """A turn alone is not shared; when it has ended, the next begins."""
    said: list[str] = []
    with Turns(tmp_path).turn(alone=True):
        other = start(tmp_path, said, "other", alone=False)
        assert said == []
        other.join(0.1)
        assert said == []
    other.join(10)
    assert said == ["other"]


def test_a_test_that_is_marked_so_runs_alone_and_last(tmp_path: Path) -> None:
    """With two workers real programs come first and together, and who is alone last, one after the other."""
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_turns.py").write_text(TESTS)
    done = subprocess.run(
        (sys.executable, "-m", "pytest", *OPTIONS, "--rootdir", tmp_path, "test_turns.py"),
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        # Other plugins take long to import.
        | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    said = (tmp_path / "said").read_text().splitlines()
    assert said[:2] == ["together"] * 2
    assert sorted(said) == sorted(
        [f"alone {n} {word}" for n in range(4) for word in ("begins", "ends")] + (["quick"] * 2 + ["together"] * 4)
    )
    for before, after in itertools.pairwise(said):
        if "begins" in before:
            assert after == before.replace("begins", "ends")
    assert said[-1].startswith("alone")


async def test_programs_start_a_few_at_a_time(tmp_path: Path) -> None:
    """Whoever wants more than are left waits, in whichever process, and who comes later waits behind."""
    said: list[str] = []
    one, other = Starts(tmp_path), Starts(tmp_path)

    async def start(starts: Starts, programs: int, word: str, until_set: asyncio.Event) -> None:
        async with starts.of(programs):
            said.append(word)
            await until_set.wait()

    ready, late = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(start(one, Starts.AT_A_TIME - 2, "many", ready))
        group.create_task(start(other, 1, "few", ready))
        await until(lambda: said == ["many", "few"])
        group.create_task(start(one, 2, "too many", late))
        await until(lambda: is_locked(tmp_path / "start-door"))
        group.create_task(start(other, 1, "late", late))
        group.create_task(start(one, 1, "late", late))
        for _ in range(50):
            await asyncio.sleep(0)
        assert said == ["many", "few"]
        ready.set()
        await until(lambda: len(said) == 5)
        assert said[2:] == ["too many", "late", "late"]
        late.set()


async def test_who_wants_more_than_there_are_has_all_and_leaves_all(tmp_path: Path) -> None:
    """Also if it fails, or is cancelled while it waits."""
    starts = Starts(tmp_path)
    files = [tmp_path / f"start-{number}" for number in range(Starts.AT_A_TIME)]
    async with starts.of(100):
        assert all(map(is_locked, files))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), Starts(tmp_path).of(1):
                pass
        assert not is_locked(tmp_path / "start-door")
    with pytest.raises(ZeroDivisionError):
        async with starts.of(3):
            raise ZeroDivisionError
    assert not any(map(is_locked, files))
    async with Starts(tmp_path).of(Starts.AT_A_TIME):
        pass
