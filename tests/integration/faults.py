"""Helpers of every fault test: clients that listen, what they must see, and the printed figures.

The figures are printed (``pytest -s``) and go into `docs/faults.md`.
"""

import asyncio
import itertools
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from deploy.launcher.programs import Plan
from deploy.launcher.stack import Stack
from deploy.ports import Address, free_port
from deploy.process.program import Program
from tests.client import BothWays, Client, open_client
from tests.integration.stacks import members_of, start

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")

STALE_WITHIN_S = 5
"""The gateway's own limit is three seconds of silence, checked four times a second; the rest is slack."""
BACK_WITHIN_S = 9
"""A try under way when the fault ends may still fail after 2 s, and the next comes 3 s after that."""

NO_BUS_LINK = "no link to the bus"
SILENT_POLLER = "the poller is silent"


Lines = dict[str, list[str]]
"""The output of each program of a stack."""


@asynccontextmanager
async def launched(plan: Plan, within_s: float = 30) -> AsyncIterator[tuple[Stack, Lines]]:
    """A stack that is ready, and all output of its programs."""
    lines: Lines = defaultdict(list)

    def say(name: str, line: str) -> None:
        lines[name].append(line)
        print(f"{name:<9} | {line}")  # noqa: T201 # pytest shows it on failure

    stack = Stack(plan, say)
    try:
        await start(stack, within_s)
        yield stack, lines
    finally:
        await stack.stop()
    assert members_of({pid for process in stack for pid in process.pids}) == {}


@asynccontextmanager
async def subscribers(url: str, count: int = 3, *, conflate: bool = True) -> AsyncIterator[list[Client]]:
    """Clients of every symbol that have received `live`, and hold a price of each.

    If there are two ways to the gateway, they use each in turn.
    """
    ways = (str(url), url.straight) if isinstance(url, BothWays) else (url,)
    clients = [await open_client(way) for way, _ in zip(itertools.cycle(ways), range(count), strict=False)]
    try:
        for client in clients:
            await client.subscribe(*SYMBOLS, conflate=conflate)
            await client.until(lambda client: is_live(client) and len(client.prices) == len(SYMBOLS), within_s=20)
        yield clients
    finally:
        await asyncio.gather(*(client.close() for client in clients))


def is_live(client: Client) -> bool:
    """Whether its newest status is `live`."""
    return client.status.get("feed") == "live"


def feeds(client: Client) -> list[str]:
    """The statuses that it received, in order: `live` and `stale`."""
    return [message["feed"] for message in client.messages if message["type"] == "status"]


async def until_stale(clients: Iterable[Client], reason: str, within_s: float = STALE_WITHIN_S) -> float:
    """Wait until every client has received `stale` with a reason that contains ``reason``; return the seconds."""

    def is_stale(client: Client) -> bool:
        return client.status["feed"] == "stale" and reason in client.status["reason"]

    return await _until(clients, is_stale, within_s)


async def until_current(clients: Iterable[Client], within_s: float = BACK_WITHIN_S) -> float:
    """Wait until every client has received `live` and a newer price of each symbol; return the seconds."""
    began_us = time.time_ns() // 1000

    def is_current(client: Client) -> bool:
        return is_live(client) and all(client.prices[symbol][-1]["recv_us"] >= began_us for symbol in SYMBOLS)

    return await _until(clients, is_current, within_s)


async def until_more(clients: Iterable[Client], prices: int = 20) -> float:
    """Wait until every client has received this many more prices of each symbol; return the seconds."""
    marks = {client: {symbol: len(client.prices[symbol]) + prices for symbol in SYMBOLS} for client in clients}

    def has_more(client: Client) -> bool:
        return all(len(client.prices[symbol]) >= mark for symbol, mark in marks[client].items())

    return await _until(marks, has_more, within_s=30)


async def _until(clients: Iterable[Client], condition: Callable[[Client], bool], within_s: float) -> float:
    began = now()
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.until(condition, within_s))
    return now() - began


async def together(*faults: Coroutine[None, None, None]) -> None:
    """Run all of them at once, each to its end. They mostly wait.

    Raises:
        ExceptionGroup: the errors of all of them.
    """
    results = await asyncio.gather(*faults, return_exceptions=True)
    if errors := [result for result in results if isinstance(result, Exception)]:
        raise ExceptionGroup("not survived as promised", errors)


def assert_stayed(clients: Sequence[Client]) -> None:
    """Check that no client was disconnected, and no sequence number went back."""
    assert [client.close_code for client in clients if client.closed] == []
    for client in clients:
        for symbol in SYMBOLS:
            assert all(before < after for before, after in itertools.pairwise(client.seqs(symbol))), symbol


def assert_unaware(clients: Sequence[Client]) -> None:
    """Check that clients of every tick received every one, and never `stale`."""
    assert_stayed(clients)
    gaps = [gap for client in clients for gap in client.gaps()]
    assert gaps == []
    assert_never_stale(clients)


def assert_told_once(clients: Sequence[Client]) -> None:
    """Check that clients stayed, and were told `stale` once at most; its reason may change in between."""
    assert_stayed(clients)
    for client in clients:
        told = [feed for feed, _ in itertools.groupby(feeds(client))]
        assert told[told.index("live") :] in (["live"], ["live", "stale", "live"])


def assert_never_stale(clients: Sequence[Client]) -> None:
    """Check that prices stayed live after the first `live`."""
    for client in clients:
        told = feeds(client)
        assert "stale" not in told[told.index("live") :]


def with_gateways(plan: Plan, **settings: dict[str, str]) -> Plan:
    """``plan`` with a gateway of each name in place of its own, each on a free port with these variables changed."""
    (gateway,) = plan.gateways
    return replace(plan, gateways=tuple(_variant(gateway, name, changes) for name, changes in settings.items()))


def _variant(gateway: Program, name: str, changes: dict[str, str]) -> Program:
    address = Address("127.0.0.1", free_port(), "GATEWAY_PORT")
    env = {**gateway.env, "GATEWAY_PORT": str(address.port), **changes}
    return replace(gateway, name=name, env=env, listens=(address,))


def url_of(stack: Stack, gateway: str) -> str:
    """The address for clients of one gateway."""
    return next(f"ws://{program.listens[0]}/ws" for program in stack.plan.gateways if program.name == gateway)


def bus_port(plan: Plan) -> int:
    """The address of the plan's own Valkey."""
    assert plan.bus is not None
    return next(iter(plan.bus)).listens[0].port


BESIDE = 2
"""Connections to the bus that a program may have now and not then: as many as it has questions at once."""


def open_files(pid: int) -> int:
    """How many descriptors a process holds."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def resident_mib(pid: int) -> float:
    """The memory of a process, in MiB (proc(5), statm: the second field, in pages)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_s(pid: int) -> float:
    """The processor time that a process has used (proc(5), stat: utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def now() -> float:
    """The event loop's time."""
    return asyncio.get_running_loop().time()


def tell(fault: str, **figures: float | str) -> None:
    """Print the measured figures; a float is seconds."""
    shown = ", ".join(
        f"{name.replace('_', ' ')} {f'{value:.1f} s' if isinstance(value, float) else value}"
        for name, value in figures.items()
    )
    print(f"FAULT {fault}: {shown}")  # noqa: T201 # this is how the table is measured
