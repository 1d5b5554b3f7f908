"""Alerts of a real Prometheus that watches a real cluster: they come and go with faults, and the runbook finds why."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import aiohttp
import pytest

from deploy.grafana.prometheus import Prometheus
from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from tests.integration.faults import bus_port
from tests.integration.monitored import Alerts, behind, carried_out, monitored_plan, until_alert, watched
from tests.integration.stacks import GATEWAY_COUNT, eventually, running
from tests.proxy import Proxy

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long("gateway", "poller", "market", "deploy", "docs/runbook.md"),
    pytest.mark.timeout(400),
]

CUT_OFF = "gateway-2"


@asynccontextmanager
async def _monitored(plan: Plan, folder: Path) -> AsyncIterator[tuple[Stack, str]]:
    """A cluster with prices everywhere, and the URL of the Prometheus that watches it."""
    async with running(plan, within_s=60) as stack:
        with watched(plan, folder) as url:

            async def all_live() -> bool:
                live = await asyncio.to_thread(Prometheus(url).now, "tickgate_venue_live == 1")
                return len(live) == GATEWAY_COUNT

            await eventually(all_live, within_s=60)
            yield stack, url


def _firing(found: Alerts) -> set[str]:
    return {name for (name, _), state in found.items() if state == "firing"}


def _address(plan: Plan, name: str) -> str:
    return next(str(gateway.listens[0]) for gateway in plan.gateways if gateway.name == name)


async def _followed(section: str, plan: Plan, url: str, gateway: str) -> str:
    """All that the commands of a section say."""
    done = await asyncio.to_thread(carried_out, section, plan, url, gateway)
    for command, (code, said) in done.items():
        print(f"$ {command}\n{said}[{code}]")  # noqa: T201 # pytest shows it on failure
    return "".join(said for _, said in done.values())


async def test_a_frozen_poller_is_a_venue_that_is_stale_everywhere(tmp_path: Path) -> None:
    """No gateway is to blame; the poller is named, as stopped; and it is over when it goes on."""
    plan = monitored_plan()
    async with _monitored(plan, tmp_path) as (stack, url):
        pid = stack["poller"].pid
        os.kill(pid, SIGSTOP)
        try:
            await until_alert(url, "TickgateFeedStale", "pending")
            found = await until_alert(url, "TickgateFeedStale", "firing")
            assert "TickgateGatewayLinkDead" not in _firing(found)
            gateway = _address(plan, "gateway-1")
            assert "the poller is silent" in await _followed("TickgateFeedStale", plan, url, gateway)
            await until_alert(url, "TickgateNoPollerLeads", "firing")
            said = await _followed("TickgateNoPollerLeads", plan, url, gateway)
            (process,) = (line for line in said.splitlines() if line.split()[:1] == [str(pid)])
            assert process.split()[1].startswith("T")
        finally:
            os.kill(pid, SIGCONT)
        await until_alert(url, "TickgateFeedStale", None)
        await until_alert(url, "TickgateNoPollerLeads", None)


async def test_a_link_that_is_cut_is_one_gateways(tmp_path: Path) -> None:
    """It alone is named, while the venue is not stale; and it is over when the link is whole."""
    plan = monitored_plan()
    async with Proxy(bus_port(plan)) as proxy:
        plan = behind(plan, CUT_OFF, proxy.address)
        async with _monitored(plan, tmp_path) as (_, url):
            instance = _address(plan, CUT_OFF)
            proxy.to_client.cut()
            proxy.to_server.cut()
            await until_alert(url, "TickgateGatewayLinkDead", "pending", instance=instance)
            found = await until_alert(url, "TickgateGatewayLinkDead", "firing", instance=instance)
            assert "TickgateFeedStale" not in _firing(found)
            assert "no link to the bus" in await _followed("TickgateGatewayLinkDead", plan, url, instance)
            await proxy.heal()
            await proxy.drop()
            await until_alert(url, "TickgateGatewayLinkDead", None, instance=instance)


async def test_clients_that_come_again_and_again_are_a_storm(tmp_path: Path) -> None:
    """It is over a minute after they stay."""
    plan = monitored_plan()
    async with _monitored(plan, tmp_path) as (_, url), aiohttp.ClientSession() as session:
        tasks = [asyncio.create_task(_comes_again(session, f"ws://{plan.front}/ws")) for _ in range(40)]
        try:
            await until_alert(url, "TickgateReconnectStorm", "pending")
            await until_alert(url, "TickgateReconnectStorm", "firing")
            said = await _followed("TickgateReconnectStorm", plan, url, _address(plan, "gateway-1"))
        finally:
            await _end(tasks)
        # Each gateway has its share of them.
        assert all(f'{{instance="{gateway.listens[0]}"}} => ' in said for gateway in plan.gateways)
        # HAProxy has the limits that another alert asks for.
        for limit in ('haproxy_frontend_limit_sessions{proxy="clients"}', "haproxy_process_max_connections"):
            assert len(await asyncio.to_thread(Prometheus(url).now, limit)) == 1
        await until_alert(url, "TickgateReconnectStorm", None)


async def _comes_again(session: aiohttp.ClientSession, url: str) -> None:
    """A client that is disconnected every two seconds."""
    attempt = 0
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.ws_connect(f"{url}?attempt={attempt}" if attempt else url) as socket:
                await socket.send_json({"type": "subscribe", "symbols": ["BTCUSDT"]})
                async with asyncio.timeout(2):
                    async for _ in socket:
                        pass
        attempt += 1


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
