"""Whether faults of the network can be made here, and a client to make them in."""

import asyncio
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.chaos.errors import NotMadeError
from deploy.chaos.network.connections import Place
from deploy.chaos.network.group import group_of
from deploy.chaos.network.kernel import program
from tests.serving import serving
from tests.waiting import until


def require_network() -> None:
    """Skip the test where none can be made. A program that is not there is a failure in CI, which installs it."""
    if reason := _why_not():
        pytest.skip(reason)


def _why_not() -> str:
    try:
        nft, _ = program("nft"), program("ss")
        home = group_of(os.getpid()).home
    except NotMadeError as error:
        reason = str(error)
        if "apt-get" in reason and "CI" in os.environ:
            pytest.fail(reason)
        return reason
    tried = subprocess.run((nft, "list", "tables"), capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"nft may not be used here: {tried.stderr.strip()}"
    return "" if os.access(home, os.W_OK) else f"{home} cannot be written to"


def group(pid: int) -> str:
    """The cgroups of a process, as proc(5) has them."""
    return Path(f"/proc/{pid}/cgroup").read_text()


_PROGRAM = """
import socket, sys, threading

place = sys.argv[1], int(sys.argv[2])
held = socket.create_connection(place)

def ask(connection, word):
    try:
        connection.sendall(word.encode())
        answer = connection.recv(10).decode() or "end"
    except OSError as error:
        answer = type(error).__name__
    print(answer, flush=True)

def ask_anew():
    with socket.create_connection(place) as connection:
        ask(connection, "new")

print("ready", flush=True)
for line in sys.stdin:
    if line == "old\\n":
        threading.Thread(target=ask, args=(held, "old"), daemon=True).start()
    else:
        threading.Thread(target=ask_anew, daemon=True).start()
"""


class Echo:
    """A server that answers with what it is told, and a process that asks it, by an old connection or a new one."""

    def __init__(self, place: Place, process: asyncio.subprocess.Process) -> None:
        self.place = place
        self.pid = process.pid
        self.told: list[str] = []
        """What reached the server."""
        self.answers: list[str] = []
        """What came back to the process."""
        self._process = process

    def ask(self) -> None:
        """By both; the answers come later, in any order."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"old\nnew\n")

    async def read(self) -> None:
        """Until the process ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.answers.append(line.decode().strip())


@asynccontextmanager
async def echo() -> AsyncIterator[Echo]:
    """One whose process is connected."""
    heard: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while word := await reader.read(10):
            heard.append(word.decode())
            writer.write(word)
        writer.close()

    async with serving(answer) as port:
        place = Place("127.0.0.1", port)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, place.host, str(place.port), stdin=PIPE, stdout=PIPE
        )
        one = Echo(place, process)
        one.told = heard
        reading = asyncio.create_task(one.read())
        try:
            await until(lambda: "ready" in one.answers)
            one.answers.clear()
            yield one
        finally:
            process.kill()
            await process.wait()
            await reading
