"""The operator's page of a real cluster: four gateways and two pollers, some of which die."""

import os
from dataclasses import replace
from signal import SIGKILL

import pytest

from tests.accessibility import axe, violations
from tests.browser import Page, open_page, running_browser
from tests.integration.stacks import GATEWAY_COUNT, cluster_plan, http_status, members_of, running

pytestmark = pytest.mark.integration

TOKEN = "a-token-of-operators"  # noqa: S105 - of this test
GONE_WITHIN_S = 12
"""Five seconds until its presence runs out, one of the gateway's memory, one of the page's: and a busy machine."""

ROWS = """(id) => [...document.querySelectorAll(`#${id} tr`)].map((row) => [row.dataset.health,
    ...[...row.children].map((cell) => cell.textContent)])"""


async def test_the_page_shows_who_is_there_and_who_is_gone() -> None:
    """Every process of the deployment by its address or part; one that was killed is gone within seconds."""
    plan = cluster_plan(METRICS_TOKEN=TOKEN)
    plan = replace(plan, gateways=(*plan.gateways, replace(plan.poller, name="second")), restart=False)
    with running_browser() as browser:
        async with running(plan) as stack, open_page(browser) as page:
            addresses = sorted(str(gateway.listens[0]) for gateway in plan.gateways if gateway.listens)
            assert GATEWAY_COUNT == len(addresses)
            # It is not for clients: they come by the balancer.
            assert 404 == await http_status(f"http://{plan.front}/ops")
            await page.look(width=1600)
            await page.open(f"http://{addresses[0]}/ops")
            await _unlock(page)
            await page.until(f"({ROWS})('gateways').length === {GATEWAY_COUNT} && ({ROWS})('pollers').length === 2")
            await page.until(f"({ROWS})('gateways').every((row) => row[3] === 'serving' && row[4] === 'live')")
            assert addresses == sorted(row[2] for row in await page.evaluate(f"({ROWS})('gateways')"))
            await page.until(f"({ROWS})('pollers').map((row) => row[3]).sort().join() === 'leading,standing by'")
            await page.until("document.body.dataset.state === 'live'")

            (killed,) = (its.name for its in plan.gateways if its.listens and str(its.listens[0]) == addresses[2])
            # Arbiter and worker, so that nobody takes leave.
            for pid in members_of(set(stack[killed].pids)):
                os.kill(pid, SIGKILL)
            await _until(page, f"({ROWS})('gateways').some((row) => row[0] === 'gone' && row[2] === '{addresses[2]}')")
            others = f"({ROWS})('gateways').filter((row) => row[0] === 'good').map((row) => row[2]).sort().join()"
            assert ",".join(sorted({*addresses} - {addresses[2]})) == await page.evaluate(others)
            assert [] == await violations(page, axe())
            assert [] == [line for line in page.complaints if "401" not in line]


async def _unlock(page: Page) -> None:
    """Bring the token; a wrong one first."""
    for token in ("wrong-token-of-nobody", TOKEN):
        await page.until("!document.querySelector('#key').hidden")
        await page.evaluate(f"document.querySelector('#token').value = '{token}'")
        await page.evaluate("document.querySelector('#key button').click()")


async def _until(page: Page, condition: str) -> None:
    """Wait, but not longer than is promised."""
    began = await page.evaluate("performance.now()")
    await page.until(condition)
    assert await page.evaluate("performance.now()") - began < GONE_WITHIN_S * 1000
