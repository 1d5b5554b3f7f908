"""`python -m deploy`, as a person runs it."""

import asyncio
import os
import signal
import sys

import pytest

from deploy.ports import free_port
from deploy.process.processes import ROOT
from tests.client import connected
from tests.integration.stacks import answers, children_of, cluster_environment, environment, eventually, members_of

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("signal_number", "exit_code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
async def test_nothing_is_left_however_the_launcher_ends(signal_number: signal.Signals, exit_code: int) -> None:
    """After Ctrl-C, SIGTERM or even `kill -9` of the launcher, every program that it started is gone."""
    port = free_port()
    await _launch_and_end("run", environment(GATEWAY_PORT=str(port)), port, 3, signal_number, exit_code)


@pytest.mark.haproxy
@pytest.mark.parametrize(("signal_number", "exit_code"), [(signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)])
async def test_nothing_is_left_of_a_cluster(signal_number: signal.Signals, exit_code: int) -> None:
    """The same for gunicorns with workers of their own, and for HAProxy."""
    env = cluster_environment(DRAIN_SECONDS="0")
    port = int(env["TICKGATE_BIND"].rpartition(":")[2])
    await _launch_and_end("cluster", env, port, 7, signal_number, exit_code)


async def test_run_starts_again_what_is_killed() -> None:
    """Gateway, poller and bus, each `kill -9`: the launcher runs on, and clients get new prices with each."""
    port = free_port()
    launcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "run"),
        env=environment(GATEWAY_PORT=str(port)),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert launcher.stdout is not None
    try:
        # From this line on it starts again what ends.
        async with asyncio.timeout(30):
            while b"Ctrl-C" not in await launcher.stdout.readline():
                assert launcher.returncode is None
        for name in ("-m gateway", "-m poller", "valkey-server"):
            before = members_of(children_of(launcher.pid))
            (victim,) = (pid for pid, command in before.items() if name in command)
            os.kill(victim, signal.SIGKILL)

            async def is_back(name: str = name, victim: int = victim) -> bool:
                running = members_of(children_of(launcher.pid))
                return len(running) == 3 and any(name in command and pid != victim for pid, command in running.items())

            await eventually(is_back, within_s=20)
            await answers(f"http://127.0.0.1:{port}/readyz", 200)
            async with connected(f"ws://127.0.0.1:{port}/ws") as client:
                await client.subscribe("BTCUSDT")
                await client.until(lambda client: len(client.prices["BTCUSDT"]) > 3, within_s=30)
        launcher.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await launcher.wait() == 0
    finally:
        if launcher.returncode is None:
            launcher.kill()
            await launcher.wait()


async def test_a_launcher_whose_reader_has_gone_still_ends_in_order() -> None:
    """After `make run | head` nobody reads its lines; SIGTERM ends it and its programs as ever."""
    port = free_port()
    launcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "run"),
        env=environment(GATEWAY_PORT=str(port)),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=(reader := os.pipe())[1],
    )
    for end in reader:
        os.close(end)
    try:
        await answers(f"http://127.0.0.1:{port}/readyz", 200)
        children = children_of(launcher.pid)
        assert 3 == len(children)
        launcher.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert 0 == await launcher.wait()
        assert {} == members_of(children)
    finally:
        if launcher.returncode is None:
            launcher.kill()
            await launcher.wait()


async def _launch_and_end(
    command: str, env: dict[str, str], port: int, programs: int, signal_number: signal.Signals, exit_code: int
) -> None:
    launcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", command),
        env=env,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await answers(f"http://127.0.0.1:{port}/readyz", 200)
        children = children_of(launcher.pid)
        assert len(children) == programs
        async with connected(f"ws://127.0.0.1:{port}/ws") as client:
            launcher.send_signal(signal_number)
            # An orphaned HAProxy ends at once and may be first.
            orphaned = programs > 3 and signal_number is signal.SIGKILL
            assert await client.until_closed() in ({1012, 1006} if orphaned else {1012})
        async with asyncio.timeout(30):
            assert await launcher.wait() == exit_code

        async def all_gone() -> bool:
            return not members_of(children)

        await eventually(all_gone, within_s=30)
    finally:
        if launcher.returncode is None:
            launcher.kill()
            await launcher.wait()
