"""One program: start it, prefix its output, end it on request, and never leave it behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from market.process.version import TOP

ROOT = TOP
"""The top of the source tree, or the folder that tickgate is installed in."""

Say = Callable[[str, str], None]
"""A callback for a program's name and one line of its output."""

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_MAX_LINE_BYTES = 65536


class Process:
    """A program that can be started, and started again once it has ended.

    It runs in the launcher's working directory, which is what relative paths in variables refer to. It leads a session
    of its own: a Ctrl-C in the terminal reaches only the launcher, which then ends everything in its order, and
    whatever the program started can be ended with it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        say: Say,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.env = dict(env)
        self.pids: list[int] = []
        """The process id of each start. It is also the id of the session that the process leads."""
        self._say = say
        self._stop_signal = stop_signal
        self._child: asyncio.subprocess.Process | None = None
        self._life: asyncio.Task[int] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended since."""
        return self._life is not None and not self._life.done()

    @property
    def pid(self) -> int:
        """The process id of the running program.

        Raises:
            RuntimeError: it is not running.
        """
        if self._child is None or not self.running:
            raise RuntimeError(f"{self.name} is not running")
        return self._child.pid

    async def start(self) -> None:
        """Start the program; returns as soon as it exists."""
        # A pipe of our own: with asyncio's pipe, a program counts as ended only when everything that
        # inherited its output has ended too.
        read_fd, write_fd = os.pipe()
        try:
            self._child = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_fd,
                stderr=write_fd,
                env=self.env,
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
        self.pids.append(self._child.pid)
        self._life = asyncio.create_task(self._live(self._child, read_fd), name=self.name)

    async def ended(self) -> int:
        """Wait for the program's end: its exit code, or the negative number of the signal that killed it.

        Raises:
            RuntimeError: it was never started.
        """
        if self._life is None:
            raise RuntimeError(f"{self.name} was never started")
        return await asyncio.shield(self._life)

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal to the program alone, if it runs."""
        if self._child is not None and self.running:
            # Not the child's own `send_signal`: it would take away the exit code of a child that has just ended.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, signal_number)

    def send_all(self, signal_number: signal.Signals) -> None:
        """Send a signal to the program and everything it started, if it runs."""
        if self._child is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal_number)

    async def stop(self, within_s: float) -> int | None:
        """Ask the program to end, and kill it if it has not ended after ``within_s`` seconds.

        Returns its exit code as `ended` does, or None if it never ran.
        """
        if self._life is None:
            return None
        self.send(self._stop_signal)
        try:
            async with asyncio.timeout(within_s):
                return await self.ended()
        except TimeoutError:
            self._say(self.name, f"did not end within {within_s:g} s: killed")
        finally:
            self.send_all(signal.SIGKILL)
        return await self.ended()

    async def _live(self, child: asyncio.subprocess.Process, read_fd: int) -> int:
        output = asyncio.create_task(self._forward(read_fd), name=f"output of {self.name}")
        code = await child.wait()
        # Its children, if it left any: they would hold the port that its successor needs.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await output
        return code

    async def _forward(self, read_fd: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb")
        )
        rest = b""
        # Chunks, not readline(): a line without end must not end the reading.
        while chunk := await reader.read(_MAX_LINE_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_LINE_BYTES:
                lines.append(rest)
                rest = b""
            for line in lines:
                self._say(self.name, line.decode(errors="replace"))
        if rest:
            self._say(self.name, rest.decode(errors="replace"))
        transport.close()


def describe_end(code: int) -> str:
    """An exit code in words: ``exit code 1``, ``killed by SIGKILL``."""
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}"


def _die_with_parent() -> Callable[[], None] | None:
    """What a child does between fork and exec so that it does not outlive us, even when we are killed -9.

    Linux sends the child SIGTERM when its parent is gone (prctl(2), PR_SET_PDEATHSIG). Other systems cannot do
    that, and None is returned.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            # The parent died before the kernel was told to watch it.
            os._exit(1)

    return before_exec
