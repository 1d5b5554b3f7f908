"""Pages in a real Chromium that a gateway refuses, and what their people and the operator are told of it.

Straight, and through HAProxy.
"""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from deploy.ports import free_port
from tests.browser import Page, open_page, running_browser
from tests.integration.fronts import behind_haproxy
from tests.integration.stacks import eventually, run_plan, start

pytestmark = pytest.mark.integration

LONG = pytest.mark.long("gateway", "deploy", "market", "haproxy.cfg")
# Each in one of the ways; the other makes no difference to a gateway's own words.
ENTRIES = [
    pytest.param(run_plan, id="alone", marks=LONG),
    pytest.param(behind_haproxy, id="behind-haproxy", marks=pytest.mark.haproxy),
]
DASHBOARDS = [
    pytest.param(run_plan, id="alone"),
    pytest.param(behind_haproxy, id="behind-haproxy", marks=[pytest.mark.haproxy, LONG]),
]

TRY = """new Promise((done) => {{
    const socket = new WebSocket("ws://{address}/ws");
    socket.onmessage = (event) => done(JSON.parse(event.data).type);
    socket.onclose = (event) => done(event.code);
}})"""
"""JavaScript for the type of the first message, or the code that the browser gives."""


@pytest.fixture(scope="module")
def browser() -> Iterator[str]:
    """Run a browser for all tests of this file."""
    with running_browser() as address:
        yield address


@asynccontextmanager
async def started(plan: Plan) -> AsyncIterator[tuple[Stack, str, list[str]]]:
    """A stack, the address of its front, and the lines of its gateway so far."""
    said: list[str] = []
    (gateway,) = plan.gateways
    stack = Stack(plan, lambda name, line: said.append(line) if name == gateway.name else None)
    try:
        await start(stack)
        yield stack, str(plan.front), said
    finally:
        await stack.stop()


@asynccontextmanager
async def page_elsewhere(browser: str) -> AsyncIterator[tuple[Page, str]]:
    """A page of somebody's development server, on a port of its own, and its origin."""

    async def index(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>mine</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", index)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        async with open_page(browser) as page:
            await page.open(f"http://localhost:{port}/")
            await page.until("document.title === 'mine'")
            yield page, f"http://localhost:{port}"
    finally:
        await runner.cleanup()


async def logged(said: list[str], text: str) -> None:
    """Wait until one line has ``text``; there is one at most."""

    async def it_is() -> bool:
        return any(text in line for line in said)

    await eventually(it_is, 30)
    assert 1 == sum(text in line for line in said)


@pytest.mark.parametrize("plan", ENTRIES)
async def test_a_page_on_another_port_is_refused_and_what_the_log_says_lets_it_in(
    plan: Callable[..., Plan], browser: str
) -> None:
    """The log has one warning with the setting to set; set so, that page connects, and the dashboard still does."""
    async with page_elsewhere(browser) as (page, origin):
        async with started(plan()) as (_, address, said):
            for _ in range(2):
                assert 1006 == await page.evaluate(TRY.format(address=address))
            await logged(said, f"a page of {origin} was refused: if it is yours, set ALLOWED_ORIGINS=self,{origin}")
        async with started(plan(ALLOWED_ORIGINS=f"self,{origin}")) as (_, address, said):
            assert "welcome" == await page.evaluate(TRY.format(address=address))
            listed = f"fetch('http://{address}/v1/symbols').then((answer) => answer.json())"
            assert "BTCUSDT" == (await page.evaluate(listed))["symbols"][0]["symbol"]
            await page.open(f"http://{address}/")
            await page.until('document.body.dataset.state === "unreal"')
            assert [] == [line for line in said if "ALLOWED_" in line]


@pytest.mark.parametrize("plan", DASHBOARDS)
async def test_a_dashboard_that_is_locked_out_says_why(plan: Callable[..., Plan], browser: str, tmp_path: Path) -> None:
    """It says what to set, and goes on trying until that is set; the gateway warned of it at its start."""
    settings = tmp_path / "settings"
    settings.write_text("ALLOWED_ORIGINS=http://localhost:5173\n")
    async with (
        started(plan(TICKGATE_CONFIG=str(settings))) as (stack, address, said),
        open_page(browser) as page,
    ):
        await logged(said, "ALLOWED_ORIGINS does not have self")
        await page.open(f"http://{address}/")
        await page.until('document.body.dataset.state === "refused"')
        notice = await page.evaluate("document.querySelector('#notice').innerText")
        assert "own pages may not connect: add self to its ALLOWED_ORIGINS" in notice
        await page.until("/^Next attempt in/.test(document.querySelector('#notice-detail').textContent)")
        assert "Refused" == await page.evaluate("document.querySelector('#state').textContent")
        await logged(said, "set ALLOWED_ORIGINS=self,http://localhost:5173 if it may connect")
        settings.write_text("ALLOWED_ORIGINS=self,http://localhost:5173\n")
        stack[stack.plan.gateways[0].name].send(signal.SIGHUP)
        await page.until('document.body.dataset.state === "unreal"')
        assert "Simulated prices" in await page.evaluate("document.querySelector('#notice').innerText")


async def test_a_page_that_is_a_file_is_refused_and_the_log_says_what_it_is(browser: str, tmp_path: Path) -> None:
    """It has no origin of its own, so allowing it would allow any page: better serve it."""
    (tmp_path / "mine.html").write_text("<!doctype html><title>mine</title>")
    async with started(run_plan()) as (_, address, said), open_page(browser) as page:
        await page.open((tmp_path / "mine.html").as_uri())
        await page.until("document.title === 'mine'")
        assert 1006 == await page.evaluate(TRY.format(address=address))
        await logged(said, "a page without an origin was refused")
