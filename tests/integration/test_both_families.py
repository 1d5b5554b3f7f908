"""``GATEWAY_HOST=::`` is every address of IPv6 and of IPv4, however the gateway was started."""

import pytest

from deploy.launcher.programs import GUNICORN
from deploy.ports import free_port
from deploy.process.processes import Process
from tests.integration.stacks import answers, environment, run_plan, running

pytestmark = pytest.mark.integration

EVERYWHERE = {"GATEWAY_HOST": "::", "ALLOW_ANONYMOUS": "1"}


async def answers_both(port: int) -> None:
    """Wait until clients of both families are served."""
    for host in ("127.0.0.1", "[::1]"):
        await answers(f"http://{host}:{port}/", 200)


async def test_make_run_listens_on_both_families() -> None:
    """It starts ``python -m gateway``."""
    async with running(run_plan(**EVERYWHERE)) as stack:
        await answers_both(stack.plan.front.port)


async def test_gunicorn_listens_on_both_families() -> None:
    """With the project's own configuration."""
    port = free_port()
    env = environment(BUS_URL="memory://", GATEWAY_PORT=str(port), DRAIN_SECONDS="0", **EVERYWHERE)
    gateway = Process("gateway", GUNICORN, env=env, say=lambda _name, line: print(line))  # noqa: T201
    await gateway.start()
    try:
        await answers_both(port)
    finally:
        await gateway.stop(20)
