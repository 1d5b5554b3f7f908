"""The collector shows everything that is counted."""

import asyncio
from collections import Counter

from aiohttp import ClientSession
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import Counters, GatewayCollector
from tests.gateway.conftest import Start


def test_every_counter_has_a_metric() -> None:
    """Whatever `Counters` counts can be scraped, by its own name and with a meaning."""
    counters = Counters()
    plain = [name for name, value in vars(counters).items() if isinstance(value, int)]
    for number, name in enumerate(plain, start=1):
        setattr(counters, name, number)
    labelled = [name for name, value in vars(counters).items() if isinstance(value, Counter)]
    for number, name in enumerate(labelled, start=100):
        getattr(counters, name)["SOME"] = number
    registry = CollectorRegistry()
    registry.register(
        GatewayCollector(
            counters,
            {"connections": ("Clients.", lambda: 9)},
            {"symbols": ("state", "Symbols.", lambda: {"live": 5, "halted": 2})},
        )
    )
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    values = {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}
    assert all(family.documentation for family in families)
    expected: dict[tuple[str, ...], int] = {}
    expected |= {(f"tickgate_{name}_total",): number for number, name in enumerate(plain, start=1)}
    expected |= {(f"tickgate_{name}_total", "some"): number for number, name in enumerate(labelled, start=100)}
    expected[("tickgate_connections",)] = 9
    expected |= {("tickgate_symbols", "live"): 5, ("tickgate_symbols", "halted"): 2}
    assert (len(plain), len(labelled)) == (len(vars(counters)) - len(labelled), 8)
    assert expected == values


async def test_what_would_leak_can_be_scraped(start: Start) -> None:
    """Every task of the event loop counts, and every block of memory that Python holds."""
    running = await start()
    async with ClientSession() as http:

        async def scrape() -> dict[str, float]:
            async with http.get(running.http_url + "metrics") as response:
                families = text_string_to_metric_families(await response.text())
            return {sample.name: sample.value for family in families for sample in family.samples}

        # The first opens the connection, and with it a task.
        await scrape()
        before = await scrape()
        task = asyncio.create_task(asyncio.Event().wait())
        blocks = [object() for _ in range(100_000)]
        after = await scrape()
        task.cancel()
    assert 1 == after["tickgate_tasks"] - before["tickgate_tasks"]
    assert len(blocks) * 0.9 < after["tickgate_memory_blocks"] - before["tickgate_memory_blocks"]
