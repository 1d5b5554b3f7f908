"""The examples in a real Chromium: a plain page and one in React, each with the client, against a real gateway."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from deploy.ports import free_port
from tests.browser import Page, open_page, running_browser
from tests.integration.faults import launched
from tests.integration.js_programs import CLIENT, DEBIANS, ROOT, node
from tests.integration.stacks import run_plan

pytestmark = pytest.mark.integration

REACT = ROOT / "examples" / "react"
COUNT = """
    window.sockets = [];
    const Native = WebSocket;
    window.WebSocket = class extends Native { constructor(url) { super(url); sockets.push(this); } };
"""
"""JavaScript that notes every WebSocket of a page."""


@pytest.fixture(scope="module")
def browser() -> Iterator[str]:
    """Run a browser for all tests of this file."""
    with running_browser() as address:
        yield address


@asynccontextmanager
async def site(port: int, files: Path) -> AsyncIterator[None]:
    """Somebody's own web server."""

    async def no_icon(_: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/favicon.ico", no_icon)
    app.router.add_static("/", files)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


async def rows(page: Page, state: str, count: int) -> None:
    """Wait until so many rows have that state, each with exact prices."""
    live = f"[...document.querySelectorAll('tr[data-state=\"{state}\"]')]"
    await page.until(f"{live}.length === {count}")
    await page.until(f"{live}.every((row) => /[0-9]+\\.[0-9]{{2}}\\s+[0-9]+\\.[0-9]{{2}}/.test(row.innerText))")


async def example_of_the_readme(address: str) -> list[str]:
    """What the program in the client's README prints first, against the gateway at ``address``."""
    (program,) = re.findall(r"^```js\n(.*?)^```$", (CLIENT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    given = (
        'import { createRequire } from "node:module";\nglobalThis.WebSocket ??= createRequire(import.meta.url)("ws");'
    )
    running = await asyncio.create_subprocess_exec(
        *(node("ws"), "--input-type=module", "--eval", f"{given}\n{program.replace('127.0.0.1:8080', address)}"),
        cwd=CLIENT,
        env={**os.environ, "NODE_PATH": str(DEBIANS)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert running.stdout is not None
    try:
        async with asyncio.timeout(20):
            return [(await running.stdout.readline()).decode().strip() for _ in range(8)]
    finally:
        running.kill()
        await running.wait()


async def test_a_plain_page_shows_prices_and_says_when_they_are_old(browser: str) -> None:
    """It imports the client's source as it is, and goes on by itself when its gateway has been away.

    The example in the client's README prints exact prices meanwhile.
    """
    port = free_port()
    async with (
        site(port, ROOT),
        launched(run_plan(ALLOWED_ORIGINS=f"self,http://localhost:{port}")) as (stack, _),
        open_page(browser) as page,
    ):
        await page.open(f"http://localhost:{port}/examples/page/index.html?url=ws://{stack.plan.front}/ws")
        await rows(page, "live", 3)
        assert [] == page.complaints
        lines = await example_of_the_readme(str(stack.plan.front))
        prices = [line for line in lines if re.fullmatch(r"(BTC|ETH)USDT [0-9]+\.[0-9]{2}", line)]
        assert {"BTCUSDT live", "ETHUSDT live"} <= {*lines}
        assert {"BTCUSDT", "ETHUSDT"} == {line.partition(" ")[0] for line in prices}
        await stack.stop_one("gateway")
        await rows(page, "stale", 3)
        await page.until("document.querySelector('#connection').innerText.startsWith('waiting: ')")
        await stack.start_one("gateway")
        await rows(page, "live", 3)


async def test_components_in_react_share_a_connection(browser: str, tmp_path: Path) -> None:
    """Each has its price and its state; components that come and go leave one connection, and nothing behind."""
    built = tmp_path / "main.js"
    esbuild = REACT / "node_modules" / "esbuild" / "bin" / "esbuild"
    node("esbuild", "react", "react-dom", at=REACT)
    words = ("src/main.jsx", "--bundle", "--jsx=automatic", "--log-level=error", f"--outfile={built}")
    building = await asyncio.create_subprocess_exec(str(esbuild), *words, cwd=REACT)
    assert 0 == await building.wait()
    (tmp_path / "index.html").write_text((REACT / "public" / "index.html").read_text(encoding="utf-8"))
    port = free_port()
    async with (
        site(port, tmp_path),
        launched(run_plan(ALLOWED_ORIGINS=f"self,http://localhost:{port}")) as (stack, _),
        open_page(browser) as page,
    ):
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=COUNT)
        await page.open(f"http://localhost:{port}/index.html?url=ws://{stack.plan.front}/ws")
        await rows(page, "live", 3)
        assert "simulated" in await page.evaluate("document.querySelector('tbody').innerText")
        await page.evaluate("document.querySelector('button').click()")
        await rows(page, "live", 2)
        assert 1 == await page.evaluate("sockets.length")
        for _ in range(2):
            await page.evaluate("document.querySelector('button').click()")
        await page.until("sockets[0].readyState > 1")
        assert [] == page.complaints


def test_the_hook_is_thirty_lines() -> None:
    """An example is to be read."""
    assert 30 >= len((REACT / "src" / "useTick.js").read_text(encoding="utf-8").splitlines())
