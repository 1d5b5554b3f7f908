"""Each topology of docs/threat-model.md with its settings: both HAProxy and the gateway know one client from another.

A client at 127.0.0.2 claims in every way to be others. The cloud's balancer is a HAProxy too, at 127.0.0.9.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidStatus

from deploy.launcher.programs import find_haproxy
from deploy.ports import free_port
from deploy.process.processes import ROOT, Process
from tests.integration.faults import launched
from tests.integration.fronts import behind_haproxy
from tests.integration.stacks import answers, environment, run_plan

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

CLOUD, CLIENT, OTHER = "127.0.0.9", "127.0.0.2", "127.0.0.3"
CUT_OFF = 0
"""In place of a status."""

TOPOLOGIES: dict[str, dict[str, str]] = {
    "gateway": {},
    "HAProxy, gateway": {"TRUSTED_PROXIES": "127.0.0.1"},
    "cloud balancer (TCP, PROXY protocol), HAProxy, gateway": {
        "TICKGATE_ACCEPT_PROXY": CLOUD,
        "TRUSTED_PROXIES": "127.0.0.1",
    },
    "cloud balancer (HTTP), HAProxy, gateway": {
        "TICKGATE_TRUSTED_PROXIES": CLOUD,
        "TRUSTED_PROXIES": "127.0.0.1",
    },
    "CDN, cloud balancer (HTTP), HAProxy, gateway": {
        "TICKGATE_TRUSTED_PROXIES": CLOUD,
        "TICKGATE_FORWARDED_HOPS": "2",
        "TRUSTED_PROXIES": "127.0.0.1",
    },
    "cloud balancer (TCP, PROXY protocol), gateway": {"GATEWAY_ACCEPT_PROXY": CLOUD},
    "cloud balancer (HTTP), gateway": {"TRUSTED_PROXIES": CLOUD},
}
"""Outermost first, and what is set."""

_CLOUD_CFG = """
defaults
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout tunnel 60s
frontend cloud
    mode {mode}
    bind 127.0.0.1:{port}
    {forward}
    default_backend next
backend next
    mode {mode}
    {connections}
    server next {target} source {source} {proxy}
"""


@asynccontextmanager
async def cloud(folder: Path, target: object, *, http: bool, source: str = CLOUD) -> AsyncIterator[int]:
    """A balancer as clouds have them, before ``target``; its port."""
    port = free_port()
    config = folder / f"{port}.cfg"
    # One that shares connections between clients, in HTTP.
    told = {"forward": "option forwardfor", "connections": "http-reuse always", "proxy": ""}
    plain = {"forward": "", "connections": "", "proxy": "send-proxy-v2"}
    mode = {"mode": "http", **told} if http else {"mode": "tcp", **plain}
    config.write_text(_CLOUD_CFG.format(port=port, target=target, source=source, **mode), encoding="utf-8")
    command = (str(find_haproxy()), "-db", "-f", str(config))
    process = Process("cloud", command, env=environment(), say=lambda _, line: print(line))  # noqa: T201
    await process.start()
    try:
        await answers(f"http://127.0.0.1:{port}/readyz", 200)
        yield port
    finally:
        await process.stop(10)


@pytest.mark.parametrize("topology", TOPOLOGIES)
async def test_each_client_is_limited_by_its_own_address(topology: str, tmp_path: Path) -> None:
    """By gateway and HAProxy alike, whatever it claims, and named in their logs; another client comes in."""
    settings = TOPOLOGIES[topology]
    has_haproxy = "HAProxy" in topology
    limits = {"MAX_CONNECTIONS_PER_IP": "2", "TICKGATE_CONNECT_RATE_PER_IP": "6"}
    plan = behind_haproxy(**settings, **limits) if has_haproxy else run_plan(**settings, **limits)
    async with launched(plan) as (_, lines), AsyncExitStack() as exits:
        port = plan.front.port
        if "cloud" in topology:
            port = await exits.enter_async_context(cloud(tmp_path, plan.front, http="HTTP" in topology))
        if "CDN" in topology:
            # It reaches the balancer from an address of its own.
            port = await exits.enter_async_context(cloud(tmp_path, f"127.0.0.1:{port}", http=True, source="127.0.0.8"))
        url = f"ws://127.0.0.1:{port}/ws"
        held = [await come_in(url, CLIENT) for _ in range(2)]
        assert all(isinstance(one, ClientConnection) for one in held)
        # Refused by the gateway, then by HAProxy, which counts those too.
        refused = [await come_in(url, CLIENT) for _ in range(6)]
        assert refused[:5] == [429] * 5
        assert refused[5] in (429, CUT_OFF)
        other = await come_in(url, OTHER)
        assert isinstance(other, ClientConnection)
        for one in (*held, other):
            assert isinstance(one, ClientConnection)
            await one.close()
    told = [line for line in lines["gateway"] if "has met" in line]
    assert [line.partition(": ")[2] for line in told] == [f"{CLIENT} has met MAX_CONNECTIONS_PER_IP=2"]
    if has_haproxy:
        told = [line for line in lines["haproxy"] if "TICKGATE_CONNECT_RATE_PER_IP=6" in line]
        assert [line.partition(":")[0] for line in told] == [CLIENT]


async def come_in(url: str, source: str) -> ClientConnection | int:
    """A client that claims to be others, welcomed; or the status that it was refused with."""
    claims = [
        ("X-Forwarded-For", f"{OTHER}, 127.0.0.1"),
        ("X-Forwarded-For", CLOUD),
        ("X-Forwarded-For", ""),
        ("Forwarded", f"for={OTHER}"),
    ]
    try:
        client = await connect(url, local_addr=(source, 0), additional_headers=claims)
    except InvalidStatus as error:
        return error.response.status_code
    except (InvalidMessage, ConnectionError):
        return CUT_OFF
    assert '"welcome"' in str(await client.recv())
    return client


def test_the_threat_model_has_each_topology_with_its_settings() -> None:
    """Its table has these rows, and in each the variables that are set here."""
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    table = text.partition("| topology | settings |")[2].partition("\n\n")[0]
    rows = {cells[1].strip(): cells[2] for line in table.splitlines() if len(cells := line.split("|")) > 3}
    told = {name: set(re.findall(r"`([A-Z_]+)=", row)) for name, row in rows.items() if not name.startswith("-")}
    assert told == {name: set(settings) for name, settings in TOPOLOGIES.items()}
