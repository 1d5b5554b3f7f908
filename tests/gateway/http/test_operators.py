"""What is for operators alone."""

import re

import pytest
from aiohttp import ClientSession
from msgspec.json import decode as loads

from gateway.admission.origin import AllowedHosts
from tests.gateway.conftest import RunningGateway, Start

KEY = "a-key-for-operators"


async def ask(running: RunningGateway, path: str, **headers: str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    async with ClientSession() as http, http.get(running.http_url + path, headers=headers) as response:
        return response.status, await response.read()


async def test_the_list_is_for_who_brings_the_token(start_anyhow: Start) -> None:
    """Where one is set; the page itself says nothing of the deployment, and anybody may have it."""
    running = await start_anyhow(metrics_token=KEY)
    assert 401 == (await ask(running, "ops/processes"))[0]
    assert 401 == (await ask(running, "ops/processes", Authorization=f"Bearer {KEY}x"))[0]
    status, body = await ask(running, "ops/processes", Authorization=f"Bearer {KEY}")
    assert (200, [running.gateway.name]) == (status, [its["name"] for its in loads(body)["processes"]])
    status, page = await ask(running, "ops")
    assert 200 == status
    assert not re.search(running.gateway.name.encode(), page)


async def test_without_a_token_it_is_as_open_as_metrics(start: Start) -> None:
    """That is, for who reaches the port."""
    running = await start()
    assert [200, 200] == [(await ask(running, path))[0] for path in ("ops/processes", "metrics")]


@pytest.mark.parametrize("path", ["ops", "ops/processes"])
async def test_where_operators_have_a_port_the_public_one_has_none_of_it(start_anyhow: Start, path: str) -> None:
    """As with metrics."""
    running = await start_anyhow(private_port=1)
    assert [404, 404] == [(await ask(running, asked))[0] for asked in (path, "metrics")]


async def test_a_name_that_others_may_have_made_ours_is_refused(start_anyhow: Start) -> None:
    """DNS rebinding: a page in an operator's browser must not read it."""
    running = await start_anyhow(allowed_hosts=AllowedHosts.parse("prices.example", only_loopback=False))
    assert 403 == (await ask(running, "ops/processes", Host="evil.example"))[0]
    assert 200 == (await ask(running, "ops/processes", Host="gateway-7"))[0]
