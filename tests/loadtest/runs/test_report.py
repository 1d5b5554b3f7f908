"""The page ``/tickgate`` of Locust's web interface: all kinds of users, each with a token, against real programs."""

import asyncio
import re
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from deploy.ports import free_port
from loadtest.users._kinds import KINDS
from tests import browser
from tests.integration.stacks import run_plan, running
from tests.loadtest.test_locustfile import ROOT, program

pytestmark = pytest.mark.integration

TIMED = [kind.row("tick latency") for kind in KINDS.values() if kind.name != "trade"]
TIMELIMIT_S = 60.0


@asynccontextmanager
async def web_interface(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Locust with its web interface, whose users start at once; its address."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program(), "-f", "loadtest", "--autostart", "--web-host", "127.0.0.1", "--web-port", str(port), *options,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def rows_when(page: str, wanted: set[str], session: aiohttp.ClientSession) -> dict[str, list[str]]:
    """The page's rows, as soon as each of those wanted counts something."""
    async with asyncio.timeout(TIMELIMIT_S):
        while True:
            try:
                async with session.get(page) as response:
                    assert 200 == response.status
                    text = await response.text()
            except aiohttp.ClientConnectionError:
                text = ""
            cells = [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>(<td>.*?)</tr>", text)]
            rows = {row[0]: row[1:] for row in cells}
            if all(int(rows.get(name, ["0"])[0]) > 0 for name in wanted):
                return rows
            await asyncio.sleep(0.1)


async def until_slow(gateway: str, count: int, session: aiohttp.ClientSession) -> None:
    """Wait until the gateway itself calls so many connections slow."""
    async with asyncio.timeout(TIMELIMIT_S):
        while True:
            async with session.get(f"http://{gateway}/metrics") as response:
                if f"\ntickgate_slow_consumers {count}.0\n" in await response.text():
                    return
            await asyncio.sleep(0.1)


async def test_the_page_shows_each_kind_of_user_in_rows_of_its_own(tmp_path: Path) -> None:
    """Slow readers are slow to the gateway too, others get every tick, and all renew their tokens while connected."""
    program()
    secret, picture = tmp_path / "secret", tmp_path / "page.png"
    secret.write_text(secrets.token_urlsafe(48))
    # Two seconds after the start each token lasts another 30 s, and the gateway says so.
    plan = run_plan(SIM_TICKS_PER_S="500", AUTH_MODE="jwt", JWT_SECRET_FILE=str(secret), JWT_LEEWAY_S="0")
    options = (
        "--host", f"http://{plan.front}", "--users", "9", "--spawn-rate", "9", "--symbols", "3",
        "--mix", ",".join(f"{name}={1 + (name == 'slow')}" for name in KINDS), "--slow-rate", "20000",
        "--token-key", str(secret), "--token-ttl", "32", "--report", str(tmp_path / "report.json"),
    )  # fmt: skip
    renewed = {KINDS[name].row("renewal") for name in ("json", "msgpack", "decimal", "deflate", "batch")}
    async with running(plan), web_interface(*options) as (locust, url), aiohttp.ClientSession() as session:
        wanted = {*TIMED, "price (trade)", "conflated (slow)", *renewed}
        rows = await rows_when(f"{url}/tickgate", wanted, session)
        assert {"2"} == {rows["connect (slow)"][0]}
        assert {"1"} == {rows[KINDS[name].row("connect")][0] for name in KINDS if name != "slow"}
        await until_slow(str(plan.front), 2, session)
        with browser.running_browser() as address:
            async with browser.open_page(address) as page:
                await page.open(f"{url}/tickgate")
                table = "[...document.querySelectorAll('tr')].map(row => row.cells[0].textContent)"
                # The browser may show a page of which it has read the beginning only.
                shown = await page.until(f"{table}.length > {len(rows)} && {table}")
                picture.write_bytes(await page.screenshot())
                assert [] == page.complaints
        assert {"what", *rows} <= set(shown)
        locust.send_signal(signal.SIGINT)
        log = (await locust.communicate())[0].decode()
    report: dict[str, Any] = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    assert {0} == {row["failures"] for row in report.values()}, log
    assert 0 == locust.returncode, log
    # Two of them get less than any other alone: so their ages are apart.
    assert report["tick latency (slow)"]["count"] < min(report[name]["count"] for name in TIMED if "slow" not in name)
    assert not {name for name in report if name.startswith("reconnect (")}


@pytest.mark.long("gateway", "poller", "deploy", "loadtest")
async def test_who_cannot_renew_comes_back_and_who_does_not_read_is_cut_off(tmp_path: Path) -> None:
    """The end of a token, and that of a slow reader, are counted where they belong, and are no failures."""
    program()
    secret = tmp_path / "secret"
    secret.write_text(secrets.token_urlsafe(48))
    auth = {"AUTH_MODE": "jwt", "JWT_SECRET_FILE": str(secret), "JWT_LEEWAY_S": "0"}
    plan = run_plan(SIM_TICKS_PER_S="500", LAG_TIMEOUT_S="1", **auth)
    options = (
        "--host", f"http://{plan.front}", "--users", "4", "--spawn-rate", "4", "--symbols", "3",
        "--mix", "json=1,trade=1,stream=1,slow=1", "--slow-rate", "3000",
        "--token-key", str(secret), "--token-ttl", "3", "--report", str(tmp_path / "report.json"),
    )  # fmt: skip
    async with running(plan), web_interface(*options) as (locust, url), aiohttp.ClientSession() as session:
        wanted = {"renewal", "reconnect", "reconnect (trade)", "reconnect (stream)", "cut off (slow)"}
        await rows_when(f"{url}/tickgate", wanted, session)
        locust.send_signal(signal.SIGINT)
        log = (await locust.communicate())[0].decode()
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    assert {0} == {row["failures"] for row in report.values()}, log
    assert 0 == locust.returncode, log
