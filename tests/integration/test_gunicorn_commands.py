"""Command lines of gunicorn that cannot serve a gateway, given to the real one."""

import asyncio
import shlex
import sys

import pytest

from deploy.ports import free_port
from deploy.process.processes import ROOT
from tests.integration.stacks import environment

pytestmark = pytest.mark.integration

APP = "gateway.app:app_factory"
RIGHT = f"gunicorn -c deploy/gunicorn.conf.py {APP}"
ENDS_WITHIN_S = 20.0


async def end_of(arguments: str, **settings: str) -> tuple[int, list[str]]:
    """Exit code and lines of a gunicorn whose default address is a free port; it has to end by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gunicorn", *shlex.split(arguments)),
        env=environment(GUNICORN_CMD_ARGS=f"--bind 127.0.0.1:{free_port()}", **settings),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode().splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "--preload",
        "-k gthread --threads 4",
        "-k asgi",
        "-k aiohttp.GunicornWebWorker",
        "-k aiohttp.worker.GunicornUVLoopWebWorker",
    ],
)
async def test_another_worker_than_ours_is_refused_with_the_right_command(arguments: str) -> None:
    """The arbiter ends at the first worker, with the exit code that says the application cannot be loaded."""
    code, lines = await end_of(f"{arguments} {APP}")
    assert 4 == code, lines
    said = [line for line in lines if line.startswith("gateway: ")]
    assert said, lines
    assert RIGHT in said[0]
    assert 1 == len(said)
    assert not any("Traceback" in line for line in lines)


async def test_several_workers_of_another_kind_end_too() -> None:
    """Each of them says so once, and none is started again; gunicorn may stumble over so many ends, and ends with 1."""
    code, lines = await end_of(f"--workers 4 {APP}")
    assert code in (1, 4), lines
    said = [line for line in lines if line.startswith("gateway: ")]
    assert 1 <= len(said) <= 4
    assert all(RIGHT in line for line in said)


async def test_several_of_our_workers_are_refused() -> None:
    """Neither with our configuration nor without does a single one serve."""
    code, lines = await end_of(f"-k gateway.worker.Worker --workers 4 {APP}")
    assert (3, 0) == (code, sum("Traceback" in line for line in lines)), lines
    assert any("4 workers" in line and RIGHT in line for line in lines), lines
    code, lines = await end_of(f"-c deploy/gunicorn.conf.py --workers 4 {APP}", LOG_LEVEL="ERROR")
    assert (2, 1) == (code, len(lines)), lines
    assert "4 workers" in lines[0]


async def test_our_configuration_with_another_worker_is_refused() -> None:
    """One line that says what to leave out, before anything is started."""
    code, lines = await end_of(f"-c deploy/gunicorn.conf.py -k sync {APP}", LOG_LEVEL="ERROR")
    assert (2, 1) == (code, len(lines)), lines
    assert "sync" in lines[0]
    assert "leave --worker-class (-k) out" in lines[0]


async def test_a_bus_in_memory_is_warned_about_under_gunicorn_too() -> None:
    """One WARNING before the gateway, here one whose port is in use, starts."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        code, lines = await end_of(
            f"-c deploy/gunicorn.conf.py {APP}", BUS_URL="memory://", MAX_CONECTIONS="1", GATEWAY_PORT=str(port)
        )
    assert 2 == code, lines
    warnings = [line for line in lines if "WARNING" in line]
    assert 2 == len(warnings), lines
    assert "nobody will ever publish" in warnings[0]
    assert "MAX_CONECTIONS " in warnings[1]
