"""The poller's metrics for Prometheus, and its health check."""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from poller.errors import PollerError
from poller.publishing.publisher import Publisher
from poller.publishing.slow_topics import SlowTopics
from poller.source import LinkState
from poller.states import SymbolStates


class PollerCollector(Collector):
    """Reads the plain integers of the other parts at each scrape."""

    def __init__(
        self,
        publisher: Publisher,
        state: Callable[[], LinkState],
        states: SymbolStates,
        slow_topics: SlowTopics,
        *,
        drops: Callable[[], Mapping[str, int]],
        left_out: Callable[[], Mapping[str, int]],
        source_counters: Callable[[], Mapping[str, int]],
    ) -> None:
        """Each callable is called at each scrape; its mapping may get new keys."""
        self._publisher = publisher
        self._state = state
        self._states = states
        self._slow_topics = slow_topics
        self._drops = drops
        self._left_out = left_out
        self._source_counters = source_counters

    def collect(self) -> Iterable[Metric]:
        """Called by the registry."""
        publisher = self._publisher
        yield _counter("ticks_published", "Ticks that the bus took.", publisher.published)
        yield _counter("ticks_conflated", "Ticks replaced by a newer one before they were sent.", publisher.conflated)
        yield _counter("publish_failures", "Publishes that the bus did not confirm.", publisher.failures)
        yield _counter("beats", "Heartbeats that the bus took.", publisher.heartbeats)
        leading = "Whether this poller is the one that publishes: it has the lease, and the bus answers."
        yield GaugeMetricFamily("tickgate_poller_leading", leading, publisher.leading)
        waiting = "Ticks that wait for the bus."
        yield GaugeMetricFamily("tickgate_poller_ticks_waiting", waiting, publisher.waiting)
        drops = CounterMetricFamily("tickgate_poller_updates_dropped", "Updates that made no tick.", labels=["reason"])
        for reason, count in self._drops().items():
            drops.add_metric([reason], count)
        yield drops
        slow_topics = self._slow_topics
        text = "Figures of 24 hours that the bus took, each symbol counted."
        yield _counter("stats_published", text, slow_topics.published)
        text = "Figures of 24 hours that were not published, and single ones that were left out."
        stats = CounterMetricFamily("tickgate_poller_stats_dropped", text, labels=["reason"])
        for reason, count in slow_topics.drops.items():
            stats.add_metric([reason], count)
        yield stats
        text = "Fields that a tick had to do without: unreadable, or without room beside its bid and ask."
        left_out = CounterMetricFamily("tickgate_poller_fields_left_out", text, labels=["field"])
        for name, count in self._left_out().items():
            left_out.add_metric([name], count)
        yield left_out
        # A gauge, because some can fall: Binance's used weight starts at zero each minute.
        events = GaugeMetricFamily("tickgate_poller_source", "What the source itself counts.", labels=["counter"])
        for name, count in self._source_counters().items():
            events.add_metric([name], count)
        yield events
        state = self._state()
        symbols = GaugeMetricFamily("tickgate_poller_symbols", "Symbols by their state.", labels=["state"])
        for name, count in self._states.counts().items():
            symbols.add_metric([name], count)
        yield symbols
        up = GaugeMetricFamily("tickgate_poller_link_up", "Whether prices arrive from the exchange.", labels=["source"])
        up.add_metric([state.source], state.link == "up")
        yield up


async def serve(port: int, collector: Collector) -> web.AppRunner:
    """Serve ``/metrics`` and ``/healthz`` on 127.0.0.1; the caller cleans the runner up.

    Raises:
        PollerError: the port cannot be listened on.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    app = web.Application(middlewares=[_refuse_names])
    app.on_response_prepare.append(_name_no_version)
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        await runner.cleanup()
        reason = error.strerror or str(error)
        raise PollerError(
            f"POLLER_METRICS_PORT {port} cannot be listened on ({reason}); choose a free port, or 0 for none"
        ) from None
    return runner


@web.middleware
async def _refuse_names(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse DNS rebinding: a page whose own host name, which has dots, resolves to this machine."""
    try:
        name = urlsplit(f"//{request.headers.get(hdrs.HOST, '')}").hostname or ""
        if "." in name:
            ip_address(name)
    except ValueError:
        raise web.HTTPForbidden(text="ask for this by an address, or by a name without a dot\n") from None
    return await handler(request)


async def _name_no_version(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = "tickgate"


def _counter(name: str, text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"tickgate_poller_{name}", text, value)
