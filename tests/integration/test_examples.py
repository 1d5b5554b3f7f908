"""The examples of README.md, as they stand there, against a gateway as `make run` starts it."""

import asyncio
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from deploy.ports import free_port
from tests.browser import open_page, running_browser
from tests.client import connected
from tests.integration.stacks import answers, run_plan, running, ws_url

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
HTTP = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
ADDRESS = "127.0.0.1:8080"
PAGE_PORT = "5173"
BOUND_S = 20.0

PRICE = re.compile(r"(BTC|ETH)USDT [0-9]+\.[0-9]{2}")
NO_CONNECTION = "all stale: no connection"


def examples(language: str, page: str) -> list[str]:
    """The blocks of code in that language."""
    blocks = [str(block) for block in re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)]
    assert all(ADDRESS in block for block in blocks)
    return blocks


def example(language: str, page: str = README) -> str:
    """The one block of code in that language."""
    (block,) = examples(language, page)
    return block


@asynccontextmanager
async def page_of_another_origin(script: str, port: int) -> AsyncIterator[str]:
    """A site of its own, whose page runs ``script`` and keeps what it logs in ``lines``."""
    keep = "const lines = []; console.log = (...words) => lines.push(words.join(' '));"
    html = f"<!doctype html><script>{keep}</script><script>{script}</script>"
    app = web.Application()

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    app.add_routes([web.get("/", index)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://localhost:{port}"
    finally:
        await runner.cleanup()


async def test_a_page_of_another_origin_shows_exact_prices() -> None:
    """The script of docs/protocol.md runs on a port of its own, if its origin is allowed as README says.

    The dashboard still works.

    If the poller fails, the script says why prices are stale. If the gateway does, it says so and connects again.
    """
    (setting,) = re.findall(r"`ALLOWED_ORIGINS=(\S+) tickgate run`", README)
    assert PAGE_PORT in setting
    port = free_port()
    plan = run_plan(ALLOWED_ORIGINS=setting.replace(PAGE_PORT, str(port)))
    script = example("js", PROTOCOL).replace(ADDRESS, str(plan.front))
    with running_browser() as browser:
        async with page_of_another_origin(script, port) as site, running(plan) as stack, open_page(browser) as page:
            await page.open(site)
            await page.until("lines.filter((line) => line.startsWith('BTC')).length > 5")
            await page.until("lines.some((line) => line.startsWith('binance live '))")
            lines = await page.evaluate("lines")
            assert [line for line in lines if not PRICE.fullmatch(line) and not line.startswith("binance ")] == []

            stack["poller"].send(signal.SIGSTOP)
            try:
                await page.until("lines.some((line) => /^binance stale [^ ]/.test(line))")
            finally:
                stack["poller"].send(signal.SIGCONT)

            await stack.stop_one("gateway")
            await page.until(f"lines.includes('{NO_CONNECTION}')")
            await stack.start_one("gateway")
            await page.until(f"lines.slice(lines.indexOf('{NO_CONNECTION}')).some((line) => line.startsWith('BTC'))")

            cases = "[[6502886, 2], [5, 2], [0, 3], [123, 0], [9007199254740991, 15], [1, 15]]"
            shown = await page.evaluate(f"{cases}.map(([n, scale]) => decimal(n, scale))")
            assert shown == ["65028.86", "0.05", "0.000", "123", "9.007199254740991", "0.000000000000001"]

            await page.open(f"http://{plan.front}/")
            await page.until("document.querySelectorAll('tbody tr').length === 3")


async def test_a_page_of_another_origin_is_refused_by_default() -> None:
    """Without the setting the same page gets no price."""
    plan = run_plan()
    script = example("js", PROTOCOL).replace(ADDRESS, str(plan.front))
    with running_browser() as browser:
        async with page_of_another_origin(script, free_port()) as site, running(plan), open_page(browser) as page:
            await page.open(site)
            await page.until("lines.length > 1")
            assert set(await page.evaluate("lines")) == {NO_CONNECTION}


async def test_prices_come_without_a_client_of_ours() -> None:
    """README's script, and all of docs/http.md: two commands, a stream of decimal strings, last prices as numbers.

    If the poller fails, the stream says why prices are stale. If the gateway ends, the plainest client knows it.
    """
    port = free_port()
    plan = run_plan(ALLOWED_ORIGINS=f"http://localhost:{port}")

    def here(script: str) -> str:
        return script.replace(ADDRESS, str(plan.front))

    once, streaming = map(here, examples("sh", HTTP))
    stream, plainest = map(here, examples("js", HTTP))
    with running_browser() as browser:
        async with running(plan) as stack:
            await answers(f"http://{plan.front}/readyz", 200)
            await _newest(once)
            await _streaming(streaming)
            async with page_of_another_origin(stream, port) as site, open_page(browser) as page:
                await page.open(site)
                await page.until("lines.filter((line) => line.startsWith('BTC')).length > 5")
                lines = await page.evaluate("lines")
                assert [line for line in lines if not PRICE.fullmatch(line) and not line.startswith("all ")] == []
                stack["poller"].send(signal.SIGSTOP)
                try:
                    await page.until("lines.some((line) => /^all stale [^ ]/.test(line))")
                finally:
                    stack["poller"].send(signal.SIGCONT)
            logged = plainest.replace("console.log(JSON.parse(data))", "console.log(data)")
            async with page_of_another_origin(logged, port) as site, open_page(browser) as page:
                await page.open(site)
                await page.until("lines.length > 5")
                for line in await page.evaluate("lines"):
                    assert ["symbol", "price", "volume"] == list(orjson.loads(line))
            async with page_of_another_origin(here(example("js")), port) as site, open_page(browser) as page:
                await page.open(site)
                await page.until("lines.filter((line) => line.startsWith('BTC')).length > 5")
                shown = re.compile(r"(BTC|ETH)USDT [0-9]+(\.[0-9]{1,2})? [0-9.]+")
                assert [line for line in await page.evaluate("lines") if not shown.fullmatch(line)] == []
                await stack.stop_one("gateway")
                await page.until(f"lines.includes('{NO_CONNECTION}')")


async def _newest(command: str) -> None:
    """The command of docs/http.md for the newest ticks shows the fields that stand there."""
    said: dict[str, Any] = {"ticks": [{}]}
    async with asyncio.timeout(BOUND_S):
        # Before its first price a symbol has none of them.
        while "bid" not in said["ticks"][0]:
            asking = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
            said = orjson.loads((await asking.communicate())[0])
    told = orjson.loads(re.findall(r"^```json\n(.*?)^```$", HTTP, re.DOTALL | re.MULTILINE)[0])
    assert told["ticks"][0].keys() == said["ticks"][0].keys() - {"reason", "event_us", "update_id"}


async def _streaming(command: str) -> None:
    """The command of docs/http.md for a stream shows the messages that stand there, in that order."""
    process = await asyncio.create_subprocess_exec(*shlex.split(command), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    types: list[str] = []
    try:
        async with asyncio.timeout(BOUND_S):
            while "tick" not in types:
                types += re.findall(r'^data: \{"type":"(\w+)"', (await process.stdout.readline()).decode())
    finally:
        process.kill()
        await process.wait()
    shown = re.findall(r'^data: \{"type":"(\w+)"', HTTP, re.MULTILINE)
    assert shown == list(dict.fromkeys(types))


async def test_the_program_in_python_prints_exact_prices() -> None:
    """README's program runs as it stands there, with the address alone replaced."""
    async with running(run_plan()) as stack:
        program = example("python").replace(ADDRESS, str(stack.plan.front))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-u", "-c", program, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(BOUND_S):
                lines = [(await process.stdout.readline()).decode().strip() for _ in range(10)]
        finally:
            process.kill()
            await process.wait()
        assert [line for line in lines if not PRICE.fullmatch(line)] == []
        assert {line.partition(" ")[0] for line in lines} == {"BTCUSDT", "ETHUSDT"}


async def test_the_session_of_the_readme_is_what_a_gateway_sends() -> None:
    """The same commands get the same messages, with the same fields in the same order, as far as they are shown."""
    (block,) = re.findall(r"^\$ npx wscat .*\n((?:[<>] .*\n)+)", README, re.MULTILINE)
    async with running(run_plan()) as stack, asyncio.timeout(BOUND_S):
        async with connected(ws_url(stack)) as client:
            await client.until(lambda client: client.status.get("feed") == "live")
        async with aiohttp.ClientSession() as session, session.ws_connect(ws_url(stack)) as socket:
            for line in block.splitlines():
                if line.startswith("> "):
                    await socket.send_str(line[2:])
                else:
                    assert fields(line) <= fields(await socket.receive_str()), line


def fields(message: str) -> set[str]:
    """Its type, and the names of its fields."""
    return {re.findall(r'"type":"(\w+)"', message)[0], *re.findall(r'[{,]"(\w+)":', message)}
