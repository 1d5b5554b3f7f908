"""A program is started with something that cannot be used."""

import asyncio
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping

import pytest

from deploy.launcher.programs import GUNICORN
from deploy.ports import free_port
from deploy.process.processes import ROOT
from tests.exchange.server import Exchange
from tests.integration.stacks import environment
from tests.side_by_side import start_of
from tests.valkey import Valkey

pytestmark = pytest.mark.integration

PROGRAMS = {
    "poller": (sys.executable, "-m", "poller"),
    "gateway": (sys.executable, "-m", "gateway"),
    "gunicorn": GUNICORN,
}
EVERYBODYS = (
    ("SYMBOLS", ""),
    ("SYMBOLS", "BTCUSDT,,ETHUSDT"),
    ("SYMBOLS", "BTC*USDT"),
    ("SYMBOLS", "@no/such/file"),
    ("BUS_URL", "nonsense"),
    ("BUS_URL", "redis://127.0.0.1:notaport/0"),
    ("BUS_URL", "redis://127.0.0.1:6379/0?protocol=3"),
    ("LOG_LEVEL", "LOUD"),
)
STARTS = int(os.environ.get("TICKGATE_STARTS", "2"))
"""Of each of eight kinds; a start that hangs does so by chance, so 50 tell more."""
ENDS_WITHIN_S = 5.0
HANGS_S = 60.0
RECORDING = ROOT / "tests" / "fixtures" / "binance-ws-bookticker.txt"
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

    async def end(variable: str, value: str) -> tuple[int, list[str]]:
        async with start_of(1):
            return await _end(PROGRAMS[program], {variable: value})

    ends = await asyncio.gather(*(end(variable, value) for variable, value in cases))
    for (variable, value), (code, lines) in zip(cases, ends, strict=True):
        assert (code, len(lines)) == (2, 1), (variable, value, lines)
        assert variable in lines[0], (value, lines)


@pytest.mark.parametrize("program", ["gateway", "gunicorn"])
async def test_a_port_in_use_stops_the_start_with_one_line_that_names_it(program: str, taken_port: int) -> None:
    """A gateway whose port is taken says so with the variable and the fix, and exits with 2."""
    code, lines = await _end(PROGRAMS[program], {"GATEWAY_PORT": str(taken_port), "LOG_LEVEL": "ERROR"})
    assert (code, len(lines)) == (2, 1), lines
    assert "GATEWAY_PORT" in lines[0]
    assert str(taken_port) in lines[0]
    assert "in use" in lines[0]


async def test_the_launcher_refuses_a_port_in_use_before_it_starts_anything(taken_port: int) -> None:
    """`make run` on a taken port is one line and exit code 2."""
    code, lines = await _end((sys.executable, "-m", "deploy", "run"), {"GATEWAY_PORT": str(taken_port)})
    assert (code, len(lines)) == (2, 1), lines
    assert "GATEWAY_PORT" in lines[0]


async def test_the_launcher_ends_with_what_a_program_says_of_its_setting() -> None:
    """`make run` with a bad setting shows the line of whom it concerns, stops everything and exits with 2."""
    settings = {"SYMBOLS": "BTC*USDT", "GATEWAY_PORT": str(free_port())}
    code, lines = await _end((sys.executable, "-m", "deploy", "run"), settings)
    assert code == 2, lines
    assert any("SYMBOLS" in line and "BTC*USDT" in line for line in lines), lines


async def test_the_launcher_shows_a_doubt_about_symbols_once() -> None:
    """Poller and gateway read the same list; one of them says what was probably meant."""
    settings = {"SYMBOLS": "BTC", "FEED": f"replay:{RECORDING}", "GATEWAY_PORT": str(free_port())}
    _, lines = await _end((sys.executable, "-m", "deploy", "run"), settings)
    doubts = [line for line in lines if "is no pair" in line]
    assert len(doubts) == 1, lines
    assert "did you mean BTCUSDT?" in doubts[0]


@pytest.mark.parametrize("bus", ["up", "down"])
@pytest.mark.parametrize("feed", ["replay", "binance-ws", "binance-rest", "auto"])
@pytest.mark.timeout(2 * HANGS_S + 10 * STARTS)
async def test_a_start_that_fails_ends(feed: str, bus: str, valkey: Valkey) -> None:
    """Symbols that are not to be had are one line, exit code 2, within five seconds, each time."""
    url = valkey.url if bus == "up" else f"redis://127.0.0.1:{free_port()}/0"
    async with Exchange(["ETHUSDT"]) as exchange:
        settings = {
            "FEED": f"replay:{RECORDING}" if feed == "replay" else feed,
            "SYMBOLS": "NOSUCHUSDT",
            "BUS_URL": url,
            "BINANCE_REST_URL": exchange.rest_url,
            "BINANCE_WS_URL": exchange.ws_url,
            "LOG_LEVEL": "ERROR",
        }
        for number in range(0, STARTS, 2):
            starts = min(2, STARTS - number)
            (_, _, at_once_s), *ends = await asyncio.gather(
                # What this machine takes now for a program that ends at once is not what is measured.
                _end_of_poller({"SYMBOLS": ""}),
                *(_end_of_poller(settings) for _ in range(starts)),
            )
            for code, lines, took_s in ends:
                assert (code, len(lines)) == (2, 1), lines
                assert took_s <= ENDS_WITHIN_S + 2 * at_once_s
                assert "NOSUCHUSDT" in lines[0] or "SYMBOLS" in lines[0]


@pytest.mark.timeout(2 * HANGS_S + 10 * STARTS)
async def test_a_poller_that_is_told_to_stop_while_it_starts_ends(valkey: Valkey) -> None:
    """A signal at any moment of a start ends the program in time; before its first line it is the signal's default."""
    rng = random.Random(1)
    async with Exchange(["ETHUSDT"]) as exchange:
        settings = {
            "FEED": "binance-ws",
            "SYMBOLS": "ETHUSDT",
            "BUS_URL": valkey.url,
            "BINANCE_REST_URL": exchange.rest_url,
            "BINANCE_WS_URL": exchange.ws_url,
            "LOG_LEVEL": "ERROR",
        }
        for number in range(0, STARTS, 2):
            after = [rng.uniform(0.2, 1.2) for _ in range(min(2, STARTS - number))]
            ends = await asyncio.gather(*(_end_of_poller(settings, stop_after_s=s) for s in after))
            for after_s, (code, lines, _) in zip(after, ends, strict=True):
                assert code in {0, -signal.SIGTERM}, (after_s, code, lines)
                assert lines == [], after_s


async def _end_of_poller(
    settings: Mapping[str, str], *, stop_after_s: float | None = None
) -> tuple[int, list[str], float]:
    """Exit code, lines, and how many seconds that took."""
    started = time.monotonic()
    code, lines = await _end(PROGRAMS["poller"], settings, within_s=HANGS_S, stop_after_s=stop_after_s)
    return code, lines, time.monotonic() - started


async def _end(
    command: tuple[str, ...],
    settings: Mapping[str, str],
    *,
    within_s: float = 30,
    stop_after_s: float | None = None,
) -> tuple[int, list[str]]:
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
        if stop_after_s is not None:
            await asyncio.sleep(stop_after_s)
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(within_s):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode().splitlines()
