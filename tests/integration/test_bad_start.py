"""A program is started with something that cannot be used."""

import asyncio
import socket
import sys
from collections.abc import Iterator

import pytest

from deploy.ports import free_port
from deploy.processes import ROOT
from deploy.programs import GUNICORN
from tests.integration.stacks import environment

pytestmark = pytest.mark.integration

PROGRAMS = {
    "poller": (sys.executable, "-m", "poller"),
    "gateway": (sys.executable, "-m", "gateway"),
    "gunicorn": GUNICORN,
}
EVERYBODYS = (
    ("SYMBOLS", ""),
    ("SYMBOLS", "BTCUSDT,,ETHUSDT"),
    ("SYMBOLS", "BTC-USDT"),
    ("SYMBOLS", "@no/such/file"),
    ("BUS_URL", "nonsense"),
    ("BUS_URL", "redis://127.0.0.1:notaport/0"),
    ("LOG_LEVEL", "LOUD"),
)
GATEWAYS = (("GATEWAY_PORT", "http"), ("GATEWAY_PORT", "70000"), ("DRAIN_SECONDS", "-1"))
CASES = [
    (program, variable, value)
    for program in PROGRAMS
    for variable, value in (EVERYBODYS if program == "poller" else EVERYBODYS + GATEWAYS)
]


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(program: str) -> None:
    """Exit code 2 and a single line, with the variable's name, for every variable that cannot be used."""
    cases = [(variable, value) for name, variable, value in CASES if name == program]
    ends = await asyncio.gather(*(_end(PROGRAMS[program], **{variable: value}) for variable, value in cases))
    for (variable, value), (code, lines) in zip(cases, ends, strict=True):
        assert (code, len(lines)) == (2, 1), (variable, value, lines)
        assert variable in lines[0], (value, lines)


@pytest.mark.parametrize("program", ["gateway", "gunicorn"])
async def test_a_port_in_use_stops_the_start_with_one_line_that_names_it(program: str, taken_port: int) -> None:
    """A gateway whose port is taken says so with the variable and the mend, and exits with 2."""
    code, lines = await _end(PROGRAMS[program], GATEWAY_PORT=str(taken_port), LOG_LEVEL="ERROR")
    assert (code, len(lines)) == (2, 1), lines
    assert "GATEWAY_PORT" in lines[0]
    assert str(taken_port) in lines[0]
    assert "in use" in lines[0]


async def test_the_launcher_refuses_a_port_in_use_before_it_starts_anything(taken_port: int) -> None:
    """`make run` on a taken port is one line and exit code 2."""
    code, lines = await _end((sys.executable, "-m", "deploy", "run"), GATEWAY_PORT=str(taken_port))
    assert (code, len(lines)) == (2, 1), lines
    assert "GATEWAY_PORT" in lines[0]


async def test_the_launcher_ends_with_what_a_program_says_of_its_setting() -> None:
    """`make run` with a bad setting shows the line of whom it concerns, stops everything and exits with 2."""
    code, lines = await _end((sys.executable, "-m", "deploy", "run"), SYMBOLS="BTC-USDT", GATEWAY_PORT=str(free_port()))
    assert code == 2, lines
    assert any("SYMBOLS" in line and "BTC-USDT" in line for line in lines), lines


async def _end(command: tuple[str, ...], **settings: str) -> tuple[int, list[str]]:
    """Exit code, and every line that the program wrote."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment(**settings),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode().splitlines()
