"""What Prometheus can read of a gateway and of a poller."""

import asyncio
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import web
from prometheus_client.core import Metric

import poller.network.counters
import poller.ticks.readings
from gateway.app import create_app
from gateway.http.routes import REGISTRY
from gateway.settings import Settings
from poller.metrics import PollerCollector
from poller.source import LinkState
from tests.reference.sources import code, comments_of, field_docs, table

_PREFIX = "tickgate_"


async def _gateways() -> list[Metric]:
    app = create_app(Settings.from_environ({"BUS_URL": "memory://"}))
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        return list(app[REGISTRY].collect())
    finally:
        await runner.cleanup()


def _pollers() -> list[Metric]:
    publisher = SimpleNamespace(published=0, conflated=0, failures=0, heartbeats=0, leading=False, waiting=0)
    collector = PollerCollector(
        cast(Any, publisher),
        lambda: LinkState(link="up", reason="", since_us=0, source="binance-ws"),
        cast(Any, SimpleNamespace(counts=dict)),
        cast(Any, SimpleNamespace(published=0, drops={})),
        drops=dict,
        left_out=dict,
        source_counters=dict,
    )
    return list(collector.collect())


def name_of(metric: Metric) -> str:
    """The name that a query has: of a counter with its suffix."""
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _table(metrics: Iterable[Metric]) -> str:
    ours = sorted((metric for metric in metrics if metric.name.startswith(_PREFIX)), key=lambda metric: metric.name)
    rows = ((code(name_of(each)), each.type, _labels(each), each.documentation) for each in ours)
    return table(("metric", "type", "label", "meaning"), rows)


def _labels(metric: Metric) -> str:
    # Where there is no sample yet, nothing public has their names.
    return ", ".join(map(code, getattr(metric, "_labelnames", ()))) or "–"


def all_metrics() -> list[Metric]:
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
