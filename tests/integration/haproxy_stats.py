"""HAProxy's report of a gateway, from its statistics page."""

import csv

import aiohttp

from deploy.launcher.stack import Stack
from tests.integration.stacks import eventually

_TOO_SLOW = 408
"""We were: the process of a test may have a hundred clients, and not come to send its request in time."""
_TRIES = 5


async def stats_of(stack: Stack, gateway: str) -> dict[str, str]:
    """HAProxy's line about one gateway (HAProxy's Management Guide, section 9.1, names the columns)."""
    haproxy = stack.plan.haproxy
    assert haproxy is not None
    url = f"http://{haproxy.listens[1]}/stats;csv"
    async with aiohttp.ClientSession() as session:
        for _ in range(_TRIES):
            async with session.get(url) as response:
                text = await response.text()
            if response.status != _TOO_SLOW:
                break
        response.raise_for_status()
    table = csv.DictReader(text.removeprefix("# ").splitlines())
    assert "pxname" in (table.fieldnames or ()), f"{url} answered with no table: {text[:500]!r}"
    return next(row for row in table if row["pxname"] == "gateways" and row["svname"] == gateway)


async def connections_of(stack: Stack, gateway: str) -> int:
    """How many connections HAProxy has given to a gateway."""
    return int((await stats_of(stack, gateway))["scur"])


async def until_state(stack: Stack, gateway: str, state: str, within_s: float = 30) -> None:
    """Wait for a status in HAProxy: UP, DOWN, or NOLB for a gateway that answers 404."""

    async def it_has() -> bool:
        return (await stats_of(stack, gateway))["status"].startswith(state)

    await eventually(it_has, within_s)
