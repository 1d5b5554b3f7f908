"""Faults, and that they are undone."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from deploy.chaos.faults import FAULTS, made, victim
from deploy.chaos.fleet import Target
from tests.waiting import until

SLEEPING = (sys.executable, "-c", "import time; time.sleep(60)")
FROZEN = next(fault for fault in FAULTS if fault.name == "gateway-frozen")


def state_of(pid: int) -> str:
    """As proc(5) has it: T if it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("interrupted", [False, True])
async def test_a_frozen_process_goes_on(*, interrupted: bool) -> None:
    """Whether the fault has its time or is interrupted."""
    process = await asyncio.create_subprocess_exec(*SLEEPING)
    target = Target("gateway", "it", process.pid)

    async def fault() -> None:
        async with made(FROZEN, target, 60 if interrupted else 0.3):
            pass

    making = asyncio.create_task(fault())
    await until(lambda: state_of(process.pid) == "T")
    if interrupted:
        making.cancel()
    await asyncio.wait((making,))
    await until(lambda: state_of(process.pid) != "T")
    process.kill()
    await process.wait()


async def test_a_killed_process_is_not_waited_for() -> None:
    """Nor one that is gone already."""
    killed = next(fault for fault in FAULTS if fault.name == "gateway-killed")
    process = await asyncio.create_subprocess_exec(*SLEEPING)
    async with made(killed, Target("gateway", "it", process.pid), 60):
        assert -signal.SIGKILL == await process.wait()
    async with made(FROZEN, Target("gateway", "it", process.pid), 0):
        pass


def test_the_poller_that_leads_is_the_one() -> None:
    """The one that stands by would show nothing."""
    pollers = [Target("poller", "standing by", 1), Target("poller", "leading", 2, leads=True)]
    of_poller = next(fault for fault in FAULTS if fault.role == "poller")
    assert pollers[1] == victim(of_poller, pollers)
    assert victim(of_poller, pollers[:1]) is None
    assert victim(FROZEN, pollers) is None
    gateways = [Target("gateway", "empty", 3), Target("gateway", "full", 4, clients=9)]
    assert gateways[1] == victim(FROZEN, [*pollers, *gateways])
