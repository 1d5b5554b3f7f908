"""Alerts of a real Prometheus that watches a real cluster: they come and go with faults, and the runbook finds why."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import aiohttp
import pytest
import trustme

from bench.clients.readers import Reader, ReadRate
from deploy.grafana.prometheus import Prometheus
from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from deploy.ports import free_port
from tests.exchange.server import Exchange
from tests.integration.faults import bus_port
from tests.integration.monitored import (
    Alerts,
    carried_out,
    monitored_plan,
    of_another_version,
    set_for,
    targets,
    until_alert,
    until_value,
    watched,
    with_second_poller,
)
from tests.integration.mute_subscriptions import MuteSubscriptions
from tests.integration.quotes import moving
from tests.integration.stacks import GATEWAY_COUNT, eventually, running
from tests.proxy import Proxy
from tests.valkey import Valkey

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long("gateway", "poller", "market", "deploy", "docs/runbook.md"),
    pytest.mark.timeout(400),
]

CUT_OFF = "gateway-2"
LONG_ENOUGH = "a" * 32


@asynccontextmanager
async def _monitored(plan: Plan, folder: Path, **waits: str) -> AsyncIterator[tuple[Stack, str]]:
    """A cluster with prices everywhere, and the URL of the Prometheus that watches it."""
    async with running(plan, within_s=60) as stack:
        with watched(plan, folder, **waits) as url:

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
        plan = set_for(plan, CUT_OFF, BUS_URL=f"redis://{proxy.address}")
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


async def test_what_clients_do_to_a_gateway_is_told_of_it(tmp_path: Path) -> None:
    """At one gateway ever more clients stop reading, one is nearly full, and one is shown bad tokens."""
    plan = monitored_plan(LAG_TIMEOUT_S="600", MAX_CONNECT_RATE_PER_IP="0")
    plan = set_for(plan, "gateway-1", AUTH_MODE="jwt", JWT_SECRET=LONG_ENOUGH)
    plan = set_for(plan, "gateway-3", MAX_CONNECTIONS="20")
    async with _monitored(plan, tmp_path) as (_, url), aiohttp.ClientSession() as session:
        tasks = [
            asyncio.create_task(_shows_bad_tokens(_address(plan, "gateway-1"))),
            asyncio.create_task(_stop_reading(plan, "gateway-2")),
            *(asyncio.create_task(_stays(session, _address(plan, "gateway-3"))) for _ in range(19)),
        ]
        try:
            for name, gateway in (("SlowConsumersRising", "gateway-2"), ("ConnectionsNearLimit", "gateway-3")):
                await until_alert(url, f"Tickgate{name}", "firing", 240, instance=_address(plan, gateway))
            await until_alert(url, "TickgateAuthFailuresRising", "firing", 240)
            assert not {task for task in tasks if task.done()}
        finally:
            await _end(tasks)
        await until_alert(url, "TickgateConnectionsNearLimit", None, instance=_address(plan, "gateway-3"))


async def _shows_bad_tokens(address: str) -> None:
    """A client that is refused some ten times a second; at another address than Prometheus, for each has its limits."""
    elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=elsewhere, headers={"Authorization": "Bearer no"}) as session:
        while True:
            async with session.get(f"http://{address}/v1/symbols") as answer:
                assert answer.status in (401, 429)
            await asyncio.sleep(0.1)


async def _stays(session: aiohttp.ClientSession, address: str) -> None:
    async with session.ws_connect(f"http://{address}/ws") as socket:
        await socket.send_json({"type": "subscribe", "symbols": ["BTCUSDT"]})
        async for _ in socket:
            pass


async def _stop_reading(plan: Plan, gateway: str) -> None:
    """One client more every three seconds, each of which reads nothing from then on."""
    listens = next(its.listens[0] for its in plan.gateways if its.name == gateway)
    readers = []
    try:
        while True:
            rate = ReadRate("stuck", stall_s=10_000)
            readers.append(
                await asyncio.to_thread(
                    Reader, rate, (listens.host, listens.port), receive_buffer=4096, symbols=("BTCUSDT",)
                )
            )
            await asyncio.sleep(3)
    finally:
        for reader in readers:
            reader.close()


async def test_programs_that_stutter_stop_and_take_over_are_named(tmp_path: Path) -> None:
    """A gateway that gets too little CPU, one that does not answer, and a poller that freezes while another waits."""
    plan = with_second_poller(monitored_plan())
    async with _monitored(plan, tmp_path) as (stack, url), aiohttp.ClientSession() as session:
        tasks = [
            asyncio.create_task(_stays(session, _address(plan, "gateway-1"))),
            asyncio.create_task(_stutter(stack["gateway-1"].pid)),
        ]
        try:
            first, second = targets(plan)["tickgate-poller"]
            (leads,) = await asyncio.to_thread(Prometheus(url).now, "tickgate_poller_leading == 1")
            leader, other = ("poller", second) if leads.labels["instance"] == first else ("second", first)
            with _frozen(stack[leader].pid):
                await until_alert(url, "TickgateTakeover", "firing", instance=other)
            with _frozen(stack["gateway-4"].pid):
                await until_alert(url, "TickgateTargetDown", "firing", instance=_address(plan, "gateway-4"))
            for name in ("LoopLag", "TickAgeHigh"):
                found = await until_alert(url, f"Tickgate{name}", "firing", 240, instance=_address(plan, "gateway-1"))
                assert {instance for (one, instance), _ in found.items() if one == f"Tickgate{name}"} == {
                    _address(plan, "gateway-1")
                }
        finally:
            await _end(tasks)
        await until_alert(url, "TickgateTargetDown", None, instance=_address(plan, "gateway-4"))


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    """With the workers of a gunicorn."""
    os.killpg(pid, SIGSTOP)
    try:
        yield
    finally:
        os.killpg(pid, SIGCONT)


async def _stutter(pid: int) -> None:
    """Let a process run for a fifth of the time."""
    try:
        while True:
            os.killpg(pid, SIGSTOP)
            await asyncio.sleep(1.6)
            os.killpg(pid, SIGCONT)
            await asyncio.sleep(0.4)
    finally:
        os.killpg(pid, SIGCONT)


async def test_what_an_exchange_does_to_a_poller_is_told_of_it(tmp_path: Path) -> None:
    """It sends quotes of one symbol that mean nothing, and then bans the poller."""
    async with Exchange(["BTCUSDT", "ETHUSDT", "GARBUSDT"]) as exchange, moving(exchange, "BTCUSDT", "ETHUSDT"):
        plan = monitored_plan(
            FEED="binance-rest",
            BINANCE_REST_URL=exchange.rest_url,
            BINANCE_WS_URL=exchange.ws_url,
            SYMBOLS="BTCUSDT,ETHUSDT,GARBUSDT",
        )
        async with _monitored(plan, tmp_path) as (_, url):
            exchange.quote("GARBUSDT", bid="nonsense", ask="rubbish")
            await until_alert(url, "TickgateSymbolStale", "firing", 120)
            exchange.answer(418, retry_after_s=300)
            poller = targets(plan)["tickgate-poller"][0]
            await until_alert(url, "TickgatePollerBanned", "firing", instance=poller)
            # Nothing else brings prices of this feed.
            await until_alert(url, "TickgateFeedStale", "firing")


async def test_a_gateway_whose_subscription_died_in_silence_is_behind(tmp_path: Path) -> None:
    """It alone is named, and still is when it has healed: for five minutes."""
    plan = monitored_plan()
    proxy = MuteSubscriptions()
    async with proxy.before(bus_port(plan)):
        plan = set_for(plan, CUT_OFF, BUS_URL=f"redis://127.0.0.1:{proxy.port}/0")
        async with _monitored(plan, tmp_path) as (_, url):
            instance = _address(plan, CUT_OFF)
            proxy.mute = True
            found = await until_alert(url, "TickgateGatewayBehind", "firing", instance=instance)
            assert {one for name, one in found if name == "TickgateGatewayBehind"} == {instance}
            assert f'tickgate_behind{{instance="{instance}", job="tickgate-gateway"}} => 1' in await _followed(
                "TickgateGatewayBehind", plan, url, instance
            )
            proxy.mute = False
            # The metric is over at once; the alert has seen it.
            await until_value(url, f'tickgate_behind{{instance="{instance}"}} == 0')
            found = await until_alert(url, "TickgateGatewayLinkDead", None, instance=instance)
            assert "TickgateGatewayBehind" in _firing(found)


async def test_a_second_bus_and_a_forgotten_gateway_are_told(tmp_path: Path) -> None:
    """Two pollers lead, each on a bus of its own; and one gateway is of another version."""
    other_bus = Valkey()
    other_bus.start()
    try:
        plan = with_second_poller(monitored_plan(), BUS_URL=other_bus.url)
        plan = of_another_version(plan, "gateway-3", tmp_path)
        async with _monitored(plan, tmp_path, TickgateVersionMixed="15s") as (stack, url):
            await until_alert(url, "TickgateTwoPollersLead", "pending")
            await until_alert(url, "TickgateTwoPollersLead", "firing")
            said = await _followed("TickgateTwoPollersLead", plan, url, _address(plan, "gateway-1"))
            assert all(f'instance="{instance}"' in said for instance in targets(plan)["tickgate-poller"])
            await until_alert(url, "TickgateVersionMixed", "firing")
            said = await _followed("TickgateVersionMixed", plan, url, _address(plan, "gateway-1"))
            assert 'version="0.0.1"' in said
            await stack.stop_one("second")
            await until_alert(url, "TickgateTwoPollersLead", None)
            await stack.stop_one("gateway-3")
            await until_alert(url, "TickgateVersionMixed", None)
    finally:
        other_bus.stop()


async def test_a_certificate_near_its_end_is_told_until_another_is_there(tmp_path: Path) -> None:
    """Ten days are left; the new one is read where the old one was."""
    file = tmp_path / "cert.pem"
    authority = trustme.CA()

    def renew(days: int) -> None:
        its = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=days))
        its.private_key_and_cert_chain_pem.write_to_path(str(file))

    renew(10)
    tls = {"TICKGATE_CERT": str(file), "TICKGATE_TLS_BIND": f"127.0.0.1:{free_port()}"}
    plan = monitored_plan(FRONT="direct", **tls)
    async with _monitored(plan, tmp_path) as (_, url):
        instance = _address(plan, "gateway-1")
        await until_alert(url, "TickgateCertificateExpires", "pending", instance=instance)
        await until_alert(url, "TickgateCertificateExpires", "firing", instance=instance)
        said = await _followed("TickgateCertificateExpires", plan, url, instance)
        assert str(file) in said
        renew(90)
        await until_alert(url, "TickgateCertificateExpires", None, instance=instance)
