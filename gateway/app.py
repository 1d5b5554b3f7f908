"""The composition root: settings in, a running gateway out."""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator

from aiohttp import web
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from gateway.admission.request.head import MAX_FIELDS, MAX_HEAD_BYTES
from gateway.gateway import Gateway
from gateway.hosting import refuse_other_workers
from gateway.http.routes import (
    GATEWAY,
    REGISTRY,
    add_page_headers,
    close_while_draining,
    refuse_strangers,
    routes,
)
from gateway.metrics import GatewayCollector
from gateway.settings import Settings
from market.bus import open_bus
from market.process.tasks import end

logger = logging.getLogger(__name__)

# Not when it serves: gunicorn imports this module even for a worker that would never call us.
refuse_other_workers()


def create_app(settings: Settings | None = None) -> web.Application:
    """A gateway as an aiohttp application; ``settings`` are the environment's where none are given.

    Raises:
        market.settings.environ.SettingError: a variable of the environment that cannot be used.
    """
    settings = settings or Settings.from_environ(os.environ)
    # Whoever serves it: `gateway.http.server` does so by `gateway.http.handler`, with the same limits and more.
    handler_args = {
        "max_line_size": MAX_HEAD_BYTES,
        "max_field_size": MAX_HEAD_BYTES,
        "max_headers": MAX_FIELDS,
        "keepalive_timeout": settings.keepalive_s,
    }
    app = web.Application(middlewares=[refuse_strangers], handler_args=handler_args)
    app.add_routes(routes())
    app.on_response_prepare.append(add_page_headers)
    app.on_response_prepare.append(close_while_draining)

    async def running(app: web.Application) -> AsyncIterator[None]:
        app[GATEWAY] = gateway = Gateway(settings, open_bus(settings.bus_url))
        app[REGISTRY] = _registry(gateway)
        # What the imports made stays for good; looking through it again and again would only cost time.
        gc.collect()
        gc.freeze()
        work = asyncio.create_task(gateway.run(), name="gateway")
        work.add_done_callback(_end_loudly)
        yield
        await end(work)

    async def close_clients(app: web.Application) -> None:
        # Whoever stops the application, clients hear 1012; after `drain` there are none left.
        await app[GATEWAY].close_all()

    app.cleanup_ctx.append(running)
    app.on_shutdown.append(close_clients)
    return app


async def app_factory() -> web.Application:
    """`create_app` in the form that `gateway.worker.Worker` takes; gunicorn's other workers are refused."""
    return create_app()


async def drain(app: web.Application) -> None:
    """Take ``app`` out of service gracefully; it still listens when this returns, and holds no client."""
    await app[GATEWAY].drain()


def _registry(gateway: Gateway) -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    hub, feed = gateway.hub, gateway.feed
    gauges = {
        "connections": ("Clients connected.", lambda: len(hub)),
        "cohorts": ("Different subscriptions among them.", lambda: hub.cohort_count),
        "laggards": ("Connections that are not draining.", lambda: len(hub.slow)),
        "buffered_bytes": (
            "Kept for clients that do not read, or finish no message.",
            gateway.buffers.held_bytes,
        ),
        "buffered_connections": ("Connections that something is kept for.", lambda: len(gateway.buffers)),
        "turns_waiting": ("Connections that have sent what there was no time for yet.", lambda: len(gateway.turns)),
        "tasks": ("Tasks of the event loop; clients need none.", lambda: len(asyncio.all_tasks())),
        # Tells a leak from the allocator's slack, which resident memory does not.
        "memory_blocks": ("Blocks of memory that Python holds.", sys.getallocatedblocks),
        "feed_live": ("1 while prices are live, 0 while those of a venue are stale.", lambda: feed.live),
    }
    labelled = {
        "symbols": ("state", "This gateway's symbols, where the poller tells.", gateway.states.counts),
        "venue_live": ("venue", "1 while a venue's prices are live, 0 while stale.", feed.live_venues),
    }
    registry.register(GatewayCollector(gateway.counters, gauges, labelled))
    return registry


def _end_loudly(work: asyncio.Task[None]) -> None:
    """A gateway that hears nothing must not go on looking alive: its supervisor starts a new one."""
    if not work.cancelled() and (error := work.exception()) is not None:
        logger.critical("the gateway has failed; this process ends", exc_info=error)
        os._exit(70)
