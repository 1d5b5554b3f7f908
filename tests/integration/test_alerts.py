"""Alerts of a real Prometheus that watches a real cluster: they come and go with faults, and the runbook finds why."""

import asyncio
import os
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from deploy.grafana.prometheus import Prometheus
from tests.integration.faults import bus_port
from tests.integration.monitored import (
    Alerts,
    behind,
    carried_out,
    monitored_plan,
    until_alert,
    watched,
)
from tests.integration.stacks import GATEWAY_COUNT, eventually, running
from tests.proxy import Proxy

pytestmark = [pytest.mark.integration, pytest.mark.long("gateway", "poller", "market", "deploy", "docs/runbook.md")]

CUT_OFF = "gateway-2"


def _firing(found: Alerts) -> set[str]:
    return {name for (name, _), state in found.items() if state == "firing"}


@pytest.mark.timeout(300)
async def test_alerts_come_and_go_with_faults_and_the_runbook_says_why(tmp_path: Path) -> None:
    """A frozen poller makes the venue stale everywhere, a cut link at one gateway; when each heals, nothing fires."""
    plan = monitored_plan()
    async with Proxy(bus_port(plan)) as proxy:
        plan = behind(plan, CUT_OFF, proxy.address)
        async with running(plan) as stack:
            with watched(plan, tmp_path) as url:
                prometheus = Prometheus(url)

                async def all_live() -> bool:
                    live = await asyncio.to_thread(prometheus.now, "tickgate_venue_live == 1")
                    return len(live) == GATEWAY_COUNT

                await eventually(all_live, within_s=60)
                addresses = {gateway.name: str(gateway.listens[0]) for gateway in plan.gateways}

                pid = stack["poller"].pid
                os.kill(pid, SIGSTOP)
                try:
                    await until_alert(url, "TickgateFeedStale", "pending")
                    found = await until_alert(url, "TickgateFeedStale", "firing")
                    # What all gateways share is not one gateway's fault.
                    assert "TickgateGatewayLinkDead" not in _firing(found)
                    said = await asyncio.to_thread(carried_out, "TickgateFeedStale", plan, url, addresses["gateway-1"])
                    assert "the poller is silent" in "".join(text for _, text in said.values())
                    await until_alert(url, "TickgateNoPollerLeads", "firing")
                finally:
                    os.kill(pid, SIGCONT)
                await until_alert(url, "TickgateFeedStale", None)
                await until_alert(url, "TickgateNoPollerLeads", None)

                proxy.to_client.cut()
                proxy.to_server.cut()
                instance = addresses[CUT_OFF]
                await until_alert(url, "TickgateGatewayLinkDead", "pending", instance=instance)
                found = await until_alert(url, "TickgateGatewayLinkDead", "firing", instance=instance)
                assert "TickgateFeedStale" not in _firing(found)
                said = await asyncio.to_thread(carried_out, "TickgateGatewayLinkDead", plan, url, instance)
                assert "no link to the bus" in said["curl -s $G/v1/status"][1]
                await proxy.heal()
                await proxy.drop()
                await until_alert(url, "TickgateGatewayLinkDead", None, instance=instance)
