"""`tickgate probe` at a real gateway that serves, hangs and dies: the exit code and the lines of ``docs/probe.md``."""

import os
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from tests.deploy.probe.test_command import run
from tests.integration.stacks import answers, eventually, run_plan, running

pytestmark = [pytest.mark.integration, pytest.mark.long("gateway", "poller", "market", "deploy", "docs/probe.md")]


async def test_a_gateway_that_serves_hangs_goes_on_and_dies() -> None:
    """0 while it serves, 1 with one line that says what is wrong while it is frozen, and when it is dead."""
    plan = run_plan()
    (program,) = plan.gateways
    address = program.listens[0]
    url = f"ws://{address}/ws"
    async with running(plan) as stack:
        await answers(f"http://{address}/readyz", 200)
        assert (0, "") == (await run(url, "--for", "2"))[::2]
        pid = stack[program.name].pid
        os.kill(pid, SIGSTOP)
        try:
            frozen = await run(url, "--for", "2")
        finally:
            os.kill(pid, SIGCONT)
        assert (1, f"BREACH  no welcome from {url} within 10 s\n", "") == frozen

        async def is_good() -> bool:
            return (await run(url, "--for", "1"))[0] == 0

        # Its link to the bus was silent meanwhile, so prices may be stale at first.
        await eventually(is_good, within_s=30)
        os.kill(pid, SIGKILL)
        await answers(f"http://{address}/healthz", 0)
        code, said, errors = await run(url, "--for", "2")
    assert (1, "") == (code, errors)
    assert said.startswith(f"BREACH  no gateway at {url} (")
    assert 1 == said.count("\n")
