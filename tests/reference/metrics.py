"""What Prometheus can read of a gateway and of a poller."""

import asyncio
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import web

import poller.network.counters
import poller.ticks.readings
from gateway.app import create_app
from gateway.http.routes import GATEWAY
from gateway.scrape import families
from gateway.settings import Settings
from market.metrics.family import Family
from market.metrics.histogram import seconds
from poller.metrics.families import PollerFamilies
from poller.publishing.measures import Measures
from poller.source import LinkState
from tests.reference.sources import code, comments_of, field_docs, table

_PREFIX = "tickgate_"


async def _gateways() -> list[Family]:
    app = create_app(Settings.from_environ({"BUS_URL": "memory://"}))
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        return [family async for family in families(app[GATEWAY])]
    finally:
        await runner.cleanup()


def _pollers() -> list[Family]:
    publisher = SimpleNamespace(
        published=0,
        conflated=0,
        failures=0,
        heartbeats=0,
        leading=False,
        waiting=0,
        newest=lambda _symbol: None,
        measures=Measures(lambda: 0),
    )
    families = PollerFamilies(
        cast(Any, publisher),
        lambda: LinkState(link="up", reason="", since_us=0, source="binance-ws"),
        cast(Any, SimpleNamespace(counts=dict, first=lambda _most: {})),
        cast(Any, SimpleNamespace(published=0, drops={})),
        now_us=lambda: 0,
        loop_lag=seconds(),
        drops=dict,
        left_out=dict,
        source_counters=dict,
    )
    return list(families)


def _table(metrics: Iterable[Family]) -> str:
    ours = sorted((one for one in metrics if one.name.startswith(_PREFIX)), key=lambda one: one.name)
    rows = ((code(each.name), each.kind, _labels(each), each.meaning) for each in ours)
    return table(("metric", "type", "label", "meaning"), rows)


def _labels(family: Family) -> str:
    return ", ".join(map(code, family.labels)) or "–"


def all_metrics() -> list[Family]:
    """Those of a gateway and of a poller."""
    return [*asyncio.run(_gateways()), *_pollers()]


def parts() -> Mapping[str, str]:
    """Name of a part of docs/metrics.md -> its text."""
    counters = field_docs(poller.network.counters, "Counters")
    reasons = comments_of(poller.ticks.readings, "DropReason")
    return {
        "gateway-metrics": _table(asyncio.run(_gateways())),
        "poller-metrics": _table(_pollers()),
        "source-counters": table(("counter", "meaning"), ((code(name), text) for name, text in counters.items())),
        "drop-reasons": table(("reason", "meaning"), ((code(name), text) for name, text in reasons.items())),
    }
