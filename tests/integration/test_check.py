"""`tickgate check`, and the warnings of a start, by real programs."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from deploy.checks.rights import lack, needs, rule
from deploy.launcher.programs import GUNICORN
from deploy.ports import free_port
from deploy.process.processes import ROOT, Process
from gateway.settings import Settings
from poller.settings import PollerSettings
from tests.client import connected
from tests.exchange import Exchange
from tests.integration.stacks import cluster_environment, environment, run_plan, running, ws_url
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = pytest.mark.integration

POLLER = (sys.executable, "-m", "poller")
GATEWAY = (sys.executable, "-m", "gateway")
WITHIN_S = 15.0
"""It promises five seconds for what is asked, beside the start of Python on a busy machine."""


async def checked(*arguments: str, **variables: str) -> tuple[int, str]:
    """Exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.check", *arguments),
        env={**cluster_environment(GATEWAY_PORT=str(free_port())), **variables},
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(WITHIN_S):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_everything_works(valkey: Valkey) -> None:
    """With a bus that has a password and an exchange: not one line is wrong, and no secret is in any."""
    valkey.command("ACL", "SETUSER", "prices", "on", ">sesame", "~*", "&*", "+@all")
    async with Exchange(["BTCUSDT", "ETHUSDT", "SOLUSDT"]) as exchange:
        code, said = await checked(
            BUS_URL=f"redis://prices:sesame@127.0.0.1:{valkey.port}/0",
            FEED="auto",
            BINANCE_REST_URL=exchange.rest_url,
            BINANCE_WS_URL=exchange.ws_url,
            MAX_CONNECTIONS="100",
        )
    assert 0 == code, said
    assert "wrong" not in said
    assert "sesame" not in said
    assert "3 of 3 are listed and traded" in said
    assert "may do all that poller and gateway need" in said


async def test_none_of_redis_haproxy_and_network(tmp_path: Path) -> None:
    """It ends in time, and says of each what is missing; machines read the same."""
    nowhere = f"127.0.0.1:{free_port()}"
    code, said = await checked(
        "--json",
        BUS_URL=f"redis://:sesame@{nowhere}/0",
        FEED="auto",
        BINANCE_REST_URL=f"http://{nowhere}",
        BINANCE_WS_URL=f"ws://{nowhere}",
        HTTPS_PROXY="",
        PATH=str(tmp_path),
    )
    assert 1 == code, said
    assert "sesame" not in said
    findings = json.loads(said)["findings"]
    assert ["bus"] == [its["subject"] for its in findings if its["mark"] == "wrong"]
    warned = {its["subject"] for its in findings if its["mark"] == "warning"}
    assert {"exchange", "streams"} <= warned


async def test_an_address_that_swallows_everything_is_not_waited_for(valkey: Valkey) -> None:
    """A bus and an exchange that accept and say nothing: the check ends, and names both."""
    async with Exchange(["BTCUSDT"]) as exchange:
        exchange.faults.thawed.clear()
        with valkey.frozen():
            code, said = await checked(
                BUS_URL=valkey.url,
                FEED="binance-ws",
                BINANCE_REST_URL=exchange.rest_url,
                BINANCE_WS_URL=exchange.ws_url,
            )
        exchange.faults.thawed.set()
    assert 1 == code, said
    assert "did not answer in time" in said
    assert f"{exchange.rest_url} gave no answer in time" in said
    assert f"{exchange.ws_url} gave no answer in time" in said


async def test_the_rights_that_are_asked_for_are_those_that_programs_use(valkey: Valkey) -> None:
    """A user who may do that and nothing else brings prices to a client, and the server refuses nothing."""
    wanted = needs([PollerSettings()], Settings())
    valkey.command("ACL", "SETUSER", "prices", "reset", "on", ">sesame", "+eval")
    valkey.command(*rule("prices", [lack(need, "") for need in wanted]).split())
    valkey.command("ACL", "LOG", "RESET")
    plan = run_plan(BUS_URL=f"redis://prices:sesame@127.0.0.1:{valkey.port}/0")
    async with running(plan) as stack, connected(ws_url(stack)) as client:
        await client.until(lambda client: client.status.get("feed") == "live")
        await client.subscribe("BTC")
        await client.until(lambda client: len(client.prices["BTCUSDT"]) > 3)
    # redis-py names itself, and does without where it may not.
    assert {b"client|setinfo"} >= {dict(entry)[b"object"] for entry in valkey.command("ACL", "LOG")}


@pytest.mark.parametrize("command", [POLLER, GATEWAY, GUNICORN], ids=["poller", "gateway", "gunicorn"])
async def test_a_start_warns_of_likely_mistakes_and_goes_on(command: tuple[str, ...]) -> None:
    """One WARNING for each, at the start; capitals in a value are no mistake."""
    lines: list[str] = []
    told = environment(MAX_CONECTIONS="1", SIM_SEDD="1", TICKGATE_NONSENSE="1", GATEWAY_PORT=str(free_port()))
    told |= {"FEED": "Simulated", "LOG_LEVEL": "info"}
    if command == POLLER:
        # It would publish on whatever is at the default.
        told |= {"BUS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    else:
        told |= {"REDIS_URL": "redis://:sesame@h"}
    process = Process("program", command, env=told, say=lambda _, line: lines.append(line))
    await process.start()
    try:
        await until(lambda: any("redis 127" in line for line in lines), within_s=20)
    finally:
        process.send_all(signal.SIGKILL)
        await process.ended()
    warnings = [line for line in lines if "WARNING" in line and ("nothing reads it" in line or "not read here" in line)]
    found = [line.split("WARNING ")[1].split()[1] for line in warnings]
    of_it = ["SIM_SEDD"] if command == POLLER else ["MAX_CONECTIONS", "REDIS_URL"]
    assert [*of_it, "TICKGATE_NONSENSE"] == found
    assert not any("sesame" in line for line in lines)


@pytest.mark.parametrize(("command", "said"), [(POLLER, "no gateway will ever"), (GATEWAY, "nobody will ever publish")])
async def test_one_end_of_a_bus_in_memory_warns(command: tuple[str, ...], said: str) -> None:
    """It starts, and says that it is alone."""
    lines: list[str] = []
    told = environment(BUS_URL="memory://", GATEWAY_PORT=str(free_port()))
    process = Process("program", command, env=told, say=lambda _, line: lines.append(line))
    await process.start()
    try:
        await until(lambda: any(said in line for line in lines), within_s=20)
    finally:
        process.send_all(signal.SIGKILL)
        await process.ended()
    assert 1 == sum("memory://" in line and "WARNING" in line for line in lines), lines


async def test_the_launcher_warns_once_for_all_its_programs() -> None:
    """What it has said, its programs do not say again."""
    lines: list[str] = []
    told = environment(REDIS_URL="redis://:sesame@h", TICKGATE_NONSENSE="1", GATEWAY_PORT=str(free_port()))
    process = Process(
        "deploy", (sys.executable, "-m", "deploy", "run"), env=told, say=lambda _, line: lines.append(line)
    )
    await process.start()
    try:
        await until(lambda: any("dashboard" in line for line in lines), within_s=30)
    finally:
        await process.stop(30)
    assert 1 == sum("REDIS_URL" in line for line in lines), lines
    assert 1 == sum("TICKGATE_NONSENSE" in line for line in lines), lines
    assert not any("sesame" in line for line in lines)
