"""Start processes on a core, talk to them in JSON lines, and end every one of them."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from bench.host.machine import session_nice

ROOT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end the bench; `bench.__main__` raises KeyboardInterrupt for each."""


class ProcessError(Exception):
    """A process of the bench did not start, did not answer in time, or ended too early."""


class Process:
    """A child on one core. It ends with the bench, however the bench ends."""

    def __init__(
        self,
        argv: Sequence[str],
        core: int,
        env: Mapping[str, str] | None = None,
        *,
        piped: bool = False,
        root: Path = ROOT,
    ) -> None:
        """Start it; modules are those of the tree at ``root``."""
        libc = ctypes.CDLL(None)

        def prepare() -> None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            os.sched_setaffinity(0, {core})
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            # It has a session of its own.
            session_nice(os.getpriority(os.PRIO_PROCESS, 0))

        self.argv = argv
        # A file: a pipe that nobody reads would block a server with much output.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        # After a fork Python runs handlers, and drops the exception that a signal raises in them: Ctrl-C would be lost.
        with uninterrupted():
            self._child = subprocess.Popen(
                argv,
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root), **(env or {})},
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else self._log,
                stderr=None if piped else self._log,
                # Only the bench gets a Ctrl-C, and then ends its children in order.
                start_new_session=True,
                preexec_fn=prepare,
            )
        self.pid = self._child.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def ask(self, do: str, timeout_s: float = 30, **arguments: Any) -> dict[str, Any]:
        """Send one command, return its answer.

        Raises:
            ProcessError: no answer within ``timeout_s``.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise ProcessError(f"{self._name()} ended") from None
        readable, _, _ = select.select([self._child.stdout], [], [], timeout_s)
        line = self._child.stdout.readline() if readable else b""
        if not line:
            raise ProcessError(f"{self._name()} ended" if readable else f"{self._name()} did not answer {do!r}")
        return dict(json.loads(line))

    def _name(self) -> str:
        return " ".join(self.argv[1:4])

    def complaint(self) -> str:
        """The last line of its output, or its exit code."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._child.poll()}"

    def end(self) -> None:
        """Ask it to end, then kill it."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        if self.alive():
            self._child.terminate()
            try:
                self._child.wait(5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay signals that end the bench until the block has ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this project."""
    return [sys.executable, "-m", module, *arguments]


def wait_until(ready: Any, timeout_s: float, pause_s: float = 0.05) -> bool:
    """Whether ``ready()`` became true within ``timeout_s``."""
    end = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True
