"""Released clients of Binance read right prices from a gateway, told only where it is."""

import asyncio
import json
import os
from typing import Any

import pytest

from tests.foreign.binance.clients import CLIENTS, SETUP, ForeignClient
from tests.foreign.binance.truth import Truth, heard, plain
from tests.integration.stacks import run_plan, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

WITHIN_S = 120.0


async def run(client: ForeignClient, *urls: str) -> list[dict[str, Any]]:
    """What the client's program said.

    Raises:
        AssertionError: it did not end well.
    """
    process = await asyncio.create_subprocess_exec(
        *client.command, *urls, env=client.environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            output, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert 0 == process.returncode, f"{client.name}: {complaints.decode()} {output.decode()}"
    # Some log on the same stream.
    return [json.loads(line) for line in output.decode().splitlines() if line.startswith("{") and line.endswith("}")]


def payloads(data: Any) -> list[dict[str, Any]]:
    """The messages in what a library handed out, without wrappers."""
    if isinstance(data, list):
        return [payload for each in data for payload in payloads(each)]
    if isinstance(data, dict):
        return payloads(data["data"]) if "stream" in data else [data]
    return []


def check(client: ForeignClient, said: list[dict[str, Any]], truth: Truth) -> None:
    """See that the client did all that it is to do, and that each number is the gateway's own."""
    version, *things = said
    assert {"version": client.version} == version
    assert client.did == {thing["did"] for thing in things}
    for thing in things:
        for its in payloads(thing["data"]):
            if "u" in its:
                quote = tuple(plain(its[key]) for key in ("b", "B", "a", "A"))
                assert truth.quotes[its["s"], its["u"]] == quote, thing
            elif its.get("e") in ("24hrMiniTicker", "24hrTicker"):
                milliseconds = its["E"] if its["E"] < 10**14 else its["E"] // 1000
                figures = truth.figures[its["s"], milliseconds]
                for key, name in (("c", "last"), ("o", "open"), ("h", "high"), ("l", "low"), ("v", "volume")):
                    assert plain(figures[name]) == plain(its[key]), thing
            elif "price" in its:
                assert plain(its["price"]) in truth.prices[its["symbol"]], thing
            elif "bidPrice" in its and "priceChange" not in its:
                quote = tuple(plain(its[key]) for key in ("bidPrice", "bidQty", "askPrice", "askQty"))
                assert quote in truth.quotes.values(), thing


async def test_released_clients_run_unmodified_and_read_right_prices() -> None:
    """Each does all that its program asks of its library, and each number it reads is the gateway's, to the digit."""
    there = [client for client in CLIENTS if not client.missing()]
    lacks = ", ".join(sorted({client.missing() for client in CLIENTS} - {""}))
    if not there and not os.environ.get("CI"):
        pytest.skip(f"clients of Binance need what is not here: {lacks}; {SETUP}")
    async with running(run_plan()) as stack:
        front = stack.plan.front
        async with heard(f"ws://{front}/ws") as truth:
            urls = f"http://{front}/binance", f"ws://{front}/binance"
            # The figures of every symbol are there once the first trade is.
            async with asyncio.timeout(20):
                while len({symbol for symbol, _ in truth.figures}) < 3:  # noqa: ASYNC110 # another process's doing
                    await asyncio.sleep(0.05)
            said = await asyncio.gather(*(run(client, *urls) for client in there))
            # What they read was sent to us as well, perhaps later.
            await asyncio.sleep(0.5)
    for client, lines in zip(there, said, strict=True):
        check(client, lines, truth)
    if lacks and os.environ.get("CI"):
        pytest.fail(f"some were not run, for want of {lacks}; {SETUP}")
    if lacks:
        pytest.skip(f"the others ran and were right, but some need what is not here: {lacks}; {SETUP}")
