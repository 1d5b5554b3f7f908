"""Released clients of Binance read right prices from a gateway, told only where it is."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.foreign.binance.clients import CLIENTS, LONG_CLIENTS, SETUP, ForeignClient
from tests.foreign.binance.tls_front import tls_front
from tests.foreign.binance.truth import Truth, heard, plain
from tests.integration.stacks import run_plan, running
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

WITHIN_S = 120.0

PROGRAMS = tuple(f"tests/foreign/binance/{name}" for name in ("python", "go", "rust/src", "long.txt"))


async def run(client: ForeignClient, command: Sequence[str], *urls: str, **env: str) -> list[dict[str, Any]]:
    """What the client's program said.

    Raises:
        AssertionError: it did not end well.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        *urls,
        env=client.environment() | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
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


FIGURES = ("24hrMiniTicker", "24hrTicker")


def quote_of(its: dict[str, Any], *keys: str) -> tuple[str, ...]:
    """Bid, its size, ask, its size, by the names that they have here."""
    return tuple(plain(its[key]) for key in keys)


def milliseconds_of(its: dict[str, Any]) -> int:
    """The time of an event; some clients ask for microseconds."""
    at: int = its["E"]
    return at if at < 10**14 else at // 1000


def is_known(its: dict[str, Any], truth: Truth) -> bool:
    """Whether the gateway has sent us too what this is of."""
    if "u" in its:
        return (its["s"], its["u"]) in truth.quotes
    if its.get("e") in FIGURES:
        return (its["s"], milliseconds_of(its)) in truth.figures
    if "price" in its:
        return plain(its["price"]) in truth.prices.get(its["symbol"], ())
    if "bidPrice" in its and "priceChange" not in its:
        return quote_of(its, "bidPrice", "bidQty", "askPrice", "askQty") in truth.quotes.values()
    return True


async def all_known(said: Iterable[dict[str, Any]], truth: Truth) -> None:
    """Wait until we have been sent all that a client has read: perhaps that comes later. What never does is wrong."""
    read = [its for thing in said if "data" in thing for its in payloads(thing["data"])]
    with suppress(TimeoutError):
        await until(lambda: all(is_known(its, truth) for its in read))


def check(client: ForeignClient, said: list[dict[str, Any]], truth: Truth) -> None:
    """See that the client did all that it is to do, and that each number is the gateway's own."""
    version, *things = said
    assert {"version": client.version} == version
    assert client.did == {thing["did"] for thing in things}
    for thing in things:
        for its in payloads(thing["data"]):
            assert is_known(its, truth), thing
            if "u" in its:
                assert truth.quotes[its["s"], its["u"]] == quote_of(its, "b", "B", "a", "A"), thing
            elif its.get("e") in FIGURES:
                figures = truth.figures[its["s"], milliseconds_of(its)]
                for key, name in (("c", "last"), ("o", "open"), ("h", "high"), ("l", "low"), ("v", "volume")):
                    assert plain(figures[name]) == plain(its[key]), thing


def there(clients: Iterable[ForeignClient]) -> list[ForeignClient]:
    """Those that this machine has all for. If it has for none, the test is skipped."""
    found = [client for client in clients if not client.missing()]
    if not found and not os.environ.get("CI"):
        pytest.skip(f"clients of Binance need what is not here: {lacking(clients)}; {SETUP}")
    return found


def lacking(clients: Iterable[ForeignClient]) -> str:
    """What this machine lacks for some."""
    return ", ".join(sorted({client.missing() for client in clients} - {""}))


def be_plain_about(clients: Iterable[ForeignClient]) -> None:
    """Say which did not run, though all that did were right; in CI that is a failure."""
    lacks = lacking(clients)
    if lacks and os.environ.get("CI"):
        pytest.fail(f"some were not run, for want of {lacks}; {SETUP}")
    if lacks:
        pytest.skip(f"the others ran and were right, but some need what is not here: {lacks}; {SETUP}")


@asynccontextmanager
async def gateway(**settings: str) -> AsyncIterator[tuple[Truth, str]]:
    """A gateway whose prices are live, with figures of each symbol: what it sends, and where it is."""
    async with running(run_plan(**settings)) as stack, heard(f"ws://{stack.plan.front}/ws") as truth:
        async with asyncio.timeout(30):
            while not truth.live or len({symbol for symbol, _ in truth.figures}) < 3:  # noqa: ASYNC110 # no event
                await asyncio.sleep(0.05)
        yield truth, str(stack.plan.front)


async def test_released_clients_run_unmodified_and_read_right_prices(tmp_path: Path) -> None:
    """Each does all that its program asks of its library, and each number it reads is the gateway's, to the digit."""
    clients = there(CLIENTS)
    async with gateway() as (truth, front):
        urls = f"http://{front}/binance", f"ws://{front}/binance"
        said = await asyncio.gather(*(run(client, client.command(tmp_path), *urls) for client in clients))
        for lines in said:
            await all_known(lines, truth)
    for client, lines in zip(clients, said, strict=True):
        check(client, lines, truth)
    be_plain_about(CLIENTS)


@pytest.mark.long("gateway", "poller", "market", *PROGRAMS)
@pytest.mark.timeout(1800)
async def test_further_released_clients_do_the_same(tmp_path: Path) -> None:
    """Some are built first, with downloads; those that want TLS reach the gateway through a front that has it."""
    clients = there(LONG_CLIENTS)
    commands = []
    for client in clients:
        (built := tmp_path / client.name.replace("/", "-") / client.language).mkdir(parents=True)
        commands.append(await asyncio.to_thread(client.command, built))
    async with gateway() as (truth, front), tls_front(front, tmp_path) as (secure, trust):
        for client, command in zip(clients, commands, strict=True):
            http, ws, at = ("https", "wss", secure) if client.tls else ("http", "ws", front)
            lines = await run(client, command, f"{http}://{at}/binance", f"{ws}://{at}/binance", **trust)
            await all_known(lines, truth)
            check(client, lines, truth)
    be_plain_about(LONG_CLIENTS)
