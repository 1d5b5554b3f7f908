"""The pictures of the dashboard in docs/, made anew: ``python -m tests.pictures``, which takes three minutes.

A gateway as `make run` starts it, with simulated prices, and a real Chromium. Look at them before you commit them.
"""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.browser import Page, open_page, running_browser
from tests.gateway.scripted import ScriptedGateway, state, tick
from tests.integration.stacks import run_plan, running

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
SYMBOLS: Final = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,DOGEUSDT"
SEEN_S: Final = 150
"""How long the page has been there when the first picture is taken."""
STALE_S: Final = 10
STATES_S: Final = 14


async def _keep(page: Page, name: str) -> None:
    await asyncio.sleep(0.3)  # what has changed is drawn
    (DOCS / name).write_bytes(await page.screenshot())
    print(f"docs/{name}")  # noqa: T201


async def _of_simulated_prices(page: Page) -> None:
    """Pictures of a desktop, a wide screen and a phone, and of a phone without a poller."""
    plan = replace(run_plan(SYMBOLS=SYMBOLS, FEED="simulated"), restart=False)
    async with running(plan) as stack:
        await page.look(width=1280, height=830)
        await page.open(f"http://{stack.plan.front}/")
        await page.until(state("unreal"))
        await asyncio.sleep(SEEN_S)
        await _keep(page, "dashboard.png")
        await page.look(width=1920, height=1080)
        await page.evaluate("document.querySelector('#raw').click()")
        await _keep(page, "page-wide.png")
        await page.evaluate("document.querySelector('#raw').click()")
        await page.look(width=390, height=844)
        await page.evaluate("document.querySelector('#close').click()")
        await page.evaluate("document.activeElement.blur()")
        await _keep(page, "page-phone.png")
        await page.evaluate("document.querySelector('tr[data-symbol=ETHUSDT] button').click()")
        await _keep(page, "page-detail.png")
        await page.evaluate("document.querySelector('#close').click()")
        await page.look(width=390, height=844, dark=True)
        stack["poller"].send(signal.SIGKILL)
        await page.until(state("stale"))
        await asyncio.sleep(STALE_S)
        await _keep(page, "page-stale.png")


async def _of_states(page: Page) -> None:
    """A picture of symbols that are not live, beside others that are."""
    async with ScriptedGateway().running() as gateway:
        await page.look(width=1280, height=860)
        await page.open(gateway.url)
        client = await gateway.accept()
        scales = {"BTCUSDT": (6503152, 2, 2, 5), "ETHUSDT": (350110, 2, 2, 4), "LUNAUSDT": (5209, 1, 8, 0)}
        scales |= {"XMRUSDT": (13205, 10, 2, 3), "SOLUSDT": (15993, 3, 2, 2)}
        await client.serve(*scales)
        now_us = 0
        for second in range(STATES_S):
            for symbol, (bid, spread, scale, size_scale) in scales.items():
                if second == 0 or symbol in {"BTCUSDT", "ETHUSDT"}:
                    at = bid + (second * 37) % 11
                    prices = {"bid": at, "ask": at + spread, "last": at, "price_scale": scale}
                    said = tick(symbol, seq=second + 1, size_scale=size_scale, **prices)
                    now_us = said["recv_us"]
                    await client.say(**said)
            if second == 0:
                for symbol, its, reason in (
                    ("LUNAUSDT", "delisted", "the exchange does not list it any more"),
                    ("XMRUSDT", "halted", "BREAK"),
                    ("SOLUSDT", "stale", "ask below bid for 2 s"),
                ):
                    await client.say(type="symbol_status", symbol=symbol, state=its, reason=reason, since_us=now_us)
            await asyncio.sleep(1 if second < STATES_S - 1 else 0)
        await _keep(page, "dashboard-states.png")


async def _all() -> None:
    with running_browser() as address:
        for draw in (_of_simulated_prices, _of_states):
            async with open_page(address) as page:
                await draw(page)


if __name__ == "__main__":
    asyncio.run(_all())
