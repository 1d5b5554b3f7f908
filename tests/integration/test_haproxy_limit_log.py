"""Who has met a limit of ``haproxy.cfg``, in its log: once, whichever way it comes, and never without end."""

import contextlib

import pytest

from tests.integration.balancers import balancer
from tests.integration.clouds import (
    BY_HEADER,
    BY_PROXY,
    CLIENT,
    CLOUD,
    OTHER,
    STRANGER,
    UPGRADE,
    all_logged,
    proxy_v2,
    request,
    websocket,
)
from tests.integration.sockets import socket
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]


@pytest.mark.parametrize("way", ["straight", "proxy", "header"])
@pytest.mark.parametrize(
    "limit", ["TICKGATE_MAX_CONNECTIONS_PER_IP", "TICKGATE_CONNECT_RATE_PER_IP", "TICKGATE_REQUEST_RATE_PER_IP"]
)
async def test_the_log_tells_once_who_met_which_limit(way: str, limit: str) -> None:
    """One line with the address, the setting and its value, and none for all the further tries of a minute."""
    variables = {"straight": {}, "proxy": BY_PROXY, "header": {"TICKGATE_TRUSTED_PROXIES": CLOUD}}[way]
    source = STRANGER if way == "straight" else CLOUD
    path = "/ws" if limit.startswith("TICKGATE_M") else "/"

    async with balancer(**variables, **{limit: "2"}) as haproxy, contextlib.AsyncExitStack() as exits:
        for client in [STRANGER] * 8 if way == "straight" else [CLIENT] * 8 + [OTHER] * 4:
            begin = proxy_v2(client) if way == "proxy" else b""
            data = begin + request([client] if way == "header" else (), UPGRADE, path)
            await exits.enter_async_context(websocket(haproxy, data, source))

        addresses = [STRANGER] if way == "straight" else [CLIENT, OTHER]
        # HAProxy's threads log each for itself.
        await until(lambda: sum("_PER_IP" in line for line in haproxy.log) >= len(addresses))
        await all_logged(haproxy)
        told = sorted(line for line in haproxy.log if "_PER_IP" in line)
        assert [line.partition(":")[0] for line in told] == addresses, told
        assert all(" 429 " in line and line.endswith(f" {limit}=2 GET {path}") for line in told), told


async def test_the_log_is_not_flooded_by_many_addresses_that_meet_a_limit() -> None:
    """A hundred of them in a minute have a line; all are refused, and counted."""
    async with balancer(**BY_HEADER, TICKGATE_REQUEST_RATE_PER_IP="1") as haproxy:
        async with socket(haproxy.port, CLOUD) as (reader, writer):
            for number in range(130):
                for expected in (b"200", b"429"):
                    writer.write(request([f"203.0.113.{number}"], ""))
                    assert (await reader.readuntil(b"\r\n\r\n"))[9:12] == expected
                await reader.readuntil(b"}")

        await until(lambda: sum("TICKGATE_REQUEST_RATE_PER_IP=1" in line for line in haproxy.log) >= 100)
        await all_logged(haproxy, STRANGER)
        assert sum("TICKGATE_REQUEST_RATE_PER_IP=1" in line for line in haproxy.log) == 100
