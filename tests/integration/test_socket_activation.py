"""Gateways as a service manager starts them: on a socket that is there before them and after them."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.launcher.programs import GUNICORN, PYTHON
from deploy.ports import Address, free_port
from tests.integration.faults import subscribers
from tests.integration.newcomers import SERVED, coming
from tests.integration.stacks import answers, http_status, members_of, run_plan, running
from tests.waiting import until

pytestmark = pytest.mark.integration

GATEWAY = (*PYTHON, "gateway")
RATE = 50
"""Newcomers a second."""
EACH = 3
DRAIN_SECONDS = "3"
ENDS_WITHIN_S = 20.0
_HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.execvpe(sys.argv[2], sys.argv[2:], {**os.environ, "LISTEN_PID": str(os.getpid())})
"""
"""As systemd does it: descriptor 3, and a variable that says for which process it is."""


class Manager:
    """It holds the socket, starts one gateway after the other on it, and hears what they say."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._hearing.bind(str(folder / "notify"))
        self._hearing.setblocking(False)
        self._environ = environ | {"NOTIFY_SOCKET": str(folder / "notify"), "LISTEN_FDS": "1"}
        self._running: asyncio.subprocess.Process | None = None
        self.heard: list[str] = []
        """The words of the gateway that was started last."""
        self.address = Address("127.0.0.1", self._listening.getsockname()[1], "GATEWAY_PORT")

    async def start(self, command: tuple[str, ...], **settings: str) -> None:
        """Start a gateway; return when it says that it is ready."""
        fd = self._listening.fileno()
        self._running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _HAND_OVER, str(fd), *command),
            env=self._environ | settings,
            pass_fds=(fd,),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self.heard.clear()
        await until(lambda: "READY=1" in self._listen())

    async def stop(self) -> None:
        """Tell it to stop, and wait for the end of its drain."""
        assert self._running is not None
        self._running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(ENDS_WITHIN_S):
            assert 0 == await self._running.wait()
        assert members_of({self._running.pid}) == {}
        self._listen()

    async def close(self) -> None:
        """Leave nothing behind."""
        self._listening.close()
        self._hearing.close()
        if self._running is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            await self._running.wait()

    def _listen(self) -> list[str]:
        with suppress(BlockingIOError):
            while True:
                self.heard += self._hearing.recv(4096).decode().splitlines()
        return self.heard


@asynccontextmanager
async def manager(folder: Path, **settings: str) -> AsyncIterator[Manager]:
    """A manager beside a bus with prices."""
    plan = run_plan()
    async with running(replace(plan, gateways=())) as stack:
        env = stack["poller"].env
        made = Manager(folder, {**env, "DRAIN_SECONDS": DRAIN_SECONDS, **settings})
        try:
            yield made
        finally:
            await made.close()


async def test_nobody_is_turned_away_while_a_gateway_is_restarted_on_the_managers_socket(tmp_path: Path) -> None:
    """It says when it has prices and when it goes; newcomers wait in the socket's queue for the next one."""
    # Nobody listens there: the manager's socket counts.
    unused = free_port()
    async with manager(tmp_path, GATEWAY_PORT=str(unused)) as its:
        await its.start(GATEWAY)
        assert "STATUS=prices are live" in its.heard
        with pytest.raises(OSError, match=r"[Cc]onnect"):
            await asyncio.open_connection("127.0.0.1", unused)
        async with subscribers(f"ws://{its.address}/ws", EACH) as clients, coming(its.address, RATE) as newcomers:
            await until(lambda: newcomers.outcomes[SERVED])
            await its.stop()
            assert "STOPPING=1" in its.heard
            for client in clients:
                await client.until(lambda client: client.closed, within_s=ENDS_WITHIN_S)
            assert [1012] * EACH == [client.close_code for client in clients]
            served, private = newcomers.outcomes[SERVED], free_port()
            await its.start(GATEWAY, GATEWAY_PRIVATE_PORT=str(private))
            await until(lambda: newcomers.outcomes[SERVED] > served)
        assert {} == newcomers.failed
        # A port that was not handed over is listened on as ever.
        assert 200 == await http_status(f"http://127.0.0.1:{private}/metrics")
        assert 404 == await http_status(f"http://{its.address}/metrics")
        await its.stop()


async def test_gunicorn_takes_the_socket_too(tmp_path: Path) -> None:
    """It says by itself that it has started."""
    async with manager(tmp_path, GATEWAY_PORT=str(free_port())) as its:
        await its.start(GUNICORN)
        await answers(f"http://{its.address}/readyz", 200)
        await its.stop()
