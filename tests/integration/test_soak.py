"""The soak itself: a short run of it is clean, and it leaves nothing behind."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.process.processes import ROOT
from tests.integration.stacks import environment, eventually, members_of

pytestmark = pytest.mark.integration

# Two faults of this seed: the bus is killed, and a gateway is restarted.
SHORT = ("--minutes", "0.1", "--rounds", "2", "--clients", "30", "--seed", "159")


async def test_a_short_soak_is_clean() -> None:
    """Some seconds of churn and faults leave files, tasks, cohorts and connections exactly as they were."""
    async with _soak(*SHORT) as soak:
        async with asyncio.timeout(110):
            output, _ = await soak.communicate()
    report = output.decode()
    print(report)  # noqa: T201 # pytest shows it on failure
    assert 0 == soak.returncode
    assert report.endswith("soak: everything is as it was\n")
    assert "WRONG" not in report
    # There was something to be clean after.
    rows = {tuple(line.split()[:2]) for line in report.splitlines() if line.split()[1:2] == ["gateway-1"]}
    assert {("began", "gateway-1"), ("1", "gateway-1"), ("2", "gateway-1")} == rows
    assert "visitor" in report


async def test_an_interrupted_soak_leaves_nothing() -> None:
    """After Ctrl-C in the middle of the churn every process that it started is gone."""
    async with _soak("--minutes", "1", "--rounds", "1") as soak:
        assert soak.stdout is not None
        async with asyncio.timeout(60):
            while not (line := await soak.stdout.readline()).startswith(b"began poller"):
                assert line, "it has ended by itself"

            async def clients_have_come() -> bool:
                # Valkey, the poller, two gateways, and two processes of clients.
                return len(_children_of(soak.pid)) == 6

            await eventually(clients_have_come, within_s=20)
            children = _children_of(soak.pid)
            soak.send_signal(signal.SIGINT)
            output, _ = await soak.communicate()
        assert 130 == soak.returncode
        assert output.decode().endswith("soak: interrupted\n")

        async def all_gone() -> bool:
            return not members_of(children)

        await eventually(all_gone, within_s=30)


@asynccontextmanager
async def _soak(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.soak", *arguments),
        env=environment(),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            # Not killed: it has children to end.
            process.terminate()
            await process.wait()


def _children_of(parent: int) -> set[int]:
    """Its children's ids; each leads a session of its own."""
    tasks = Path(f"/proc/{parent}/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
