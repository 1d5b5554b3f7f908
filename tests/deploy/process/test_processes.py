"""One program, from its start to its end."""

import asyncio
import os
import signal
import sys

import pytest

from deploy.launcher.launch import say
from deploy.process.processes import Process, describe_end
from tests.integration.stacks import eventually, members_of

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
WITH_CHILD = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(child.pid, flush=True); time.sleep(60)"
)


class Heard:
    """Collects what programs say, and lets a test wait for it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._more = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._more.set()

    async def first(self) -> str:
        async with asyncio.timeout(20):
            while not self.lines:
                self._more.clear()
                await self._more.wait()
        return self.lines[0][1]


def python(code: str, heard: Heard) -> Process:
    """Make a process that runs this code."""
    return Process("program", (sys.executable, "-c", code), env=os.environ, say=heard)


async def test_every_line_is_passed_on_with_the_program_s_name() -> None:
    """Standard output and error both, the unfinished last line and bytes that are not text included."""
    heard = Heard()
    process = python(
        "import os; os.write(1, b'one\\ntwo\\n'); os.write(2, b'three\\n'); os.write(1, b'\\xff four')", heard
    )
    await process.start()
    assert await process.ended() == 0
    assert heard.lines == [("program", line) for line in ("one", "two", "three", "\ufffd four")]


async def test_what_a_program_writes_reaches_the_terminal_printable(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences of a program, or of who made it write them, are shown and not obeyed."""
    code = r"print('\x1b[2J\x1b]0;owned\x07 \u202e up\rdown'); print(b'\xff'.decode(errors='replace'))"
    process = Process("program", (sys.executable, "-c", code), env=os.environ, say=say)
    await process.start()
    assert 0 == await process.ended()
    text = capsys.readouterr().out
    assert "program   | \\x1b[2J\\x1b]0;owned\\x07 \\u202e up\\rdown\nprogram   | \ufffd\n" == text


async def test_a_line_without_end_does_not_end_the_reading() -> None:
    """A megabyte without a line break is passed on in pieces, and what follows it as usual."""
    heard = Heard()
    process = python("import os; print('x' * 1_000_000); print('after')", heard)
    await process.start()
    assert await process.ended() == 0
    assert sum(len(line) for _, line in heard.lines[:-1]) == 1_000_000
    assert heard.lines[-1] == ("program", "after")


async def test_the_end_is_reported_by_exit_code_or_signal() -> None:
    """A program's own code, or the negative number of the signal that killed it."""
    heard = Heard()
    leaving, killed = python("import sys; sys.exit(7)", heard), python("import time; time.sleep(60)", heard)
    await leaving.start()
    await killed.start()
    killed.send(signal.SIGKILL)
    assert [await leaving.ended(), await killed.ended()] == [7, -9]
    assert [describe_end(7), describe_end(-9)] == ["exit code 7", "killed by SIGKILL"]


async def test_who_does_not_stop_in_time_is_killed_and_it_is_said() -> None:
    """A program that ignores SIGTERM is gone after the time it was given."""
    heard = Heard()
    process = python(STUBBORN, heard)
    await process.start()
    assert await heard.first() == "up"
    assert await process.stop(within_s=0.3) == -signal.SIGKILL
    assert heard.lines[-1] == ("program", "did not end within 0.3 s: killed")
    assert not process.running


async def test_what_a_program_started_ends_with_it() -> None:
    """A child that its parent left behind is ended too: it could hold the port that a successor needs."""
    heard = Heard()
    process = python(WITH_CHILD, heard)
    await process.start()
    leader, child = process.pid, int(await heard.first())
    assert members_of({leader}).keys() == {leader, child}
    process.send(signal.SIGKILL)
    async with asyncio.timeout(30):
        assert await process.ended() == -signal.SIGKILL

    async def child_is_gone() -> bool:
        return not members_of({leader})

    await eventually(child_is_gone, within_s=30)


async def test_a_program_can_be_started_again() -> None:
    """Stopped and started, it is a new process under the same name."""
    heard = Heard()
    process = python("import time; print('up', flush=True); time.sleep(60)", heard)
    await process.start()
    first = process.pid
    assert await process.stop(within_s=30) == -signal.SIGTERM
    await process.start()
    assert process.pid != first
    assert process.pids == [first, process.pid]
    await process.stop(within_s=30)


async def test_stopping_what_never_ran_or_has_ended_does_nothing() -> None:
    """The code of the end stays what it was."""
    heard = Heard()
    process = python("import sys; sys.exit(3)", heard)
    assert await process.stop(within_s=1) is None
    await process.start()
    assert await process.ended() == 3
    assert await process.stop(within_s=1) == 3
    with pytest.raises(RuntimeError, match="not running"):
        _ = process.pid


async def test_a_signal_to_one_that_has_just_ended_hides_nothing() -> None:
    """It is killed and told to stop at once; how it ended is known all the same."""
    for _ in range(20):
        process = Process("program", ("sleep", "60"), env=os.environ, say=Heard())
        await process.start()
        process.send_all(signal.SIGKILL)
        for _ in range(50):
            process.send(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert -signal.SIGKILL == await process.ended()
