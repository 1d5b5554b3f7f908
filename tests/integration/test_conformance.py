"""The Autobahn cases once more, through HAProxy with ``haproxy.cfg``."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from deploy.ports import free_port
from deploy.processes import Process
from deploy.programs import find_haproxy
from tests.conformance import PROTOCOL, SOME_COMPRESSION, run_suite, surprises
from tests.echo import echo_server
from tests.integration.stacks import GATEWAY_COUNT, answers, environment

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]


async def test_haproxy_changes_nothing(tmp_path: Path) -> None:
    """Behind the load balancer every case has the verdict that it has without."""
    front = f"127.0.0.1:{free_port()}"
    async with AsyncExitStack() as exits:
        address = await exits.enter_async_context(echo_server())
        gateways = {f"TICKGATE_GATEWAY_{number}": address for number in range(1, GATEWAY_COUNT + 1)}
        settings = {"TICKGATE_BIND": front, "TICKGATE_STATS_BIND": f"127.0.0.1:{free_port()}"}
        command = (str(find_haproxy()), "-db", "-f", "haproxy.cfg")
        process = Process("haproxy", command, env=environment(**settings, **gateways), say=lambda *_: None)
        exits.push_async_callback(process.stop, 10)
        await process.start()
        await answers(f"http://{front}/readyz", 200)
        verdicts = await run_suite(f"ws://{front}/ws", (*PROTOCOL, *SOME_COMPRESSION), tmp_path, timeout_s=90)
    assert 247 + len(SOME_COMPRESSION) == len(verdicts)
    assert {} == surprises(verdicts)
