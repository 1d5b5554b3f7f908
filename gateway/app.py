"""The composition root: settings in, a running gateway out."""

import asyncio
import functools
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from gateway.admission.acceptor import Arrivals
from gateway.admission.descriptors import make_room
from gateway.admission.request.head import MAX_FIELDS, MAX_HEAD_BYTES
from gateway.gateway import Gateway
from gateway.http.routes import (
    GATEWAY,
    REGISTRY,
    WEBSOCKET_PATH,
    add_page_headers,
    close_while_draining,
    refuse_strangers,
    routes,
)
from gateway.http.upgrade import upgrade_now
from gateway.metrics import GatewayCollector
from gateway.settings import Settings
from market.bus import open_bus
from market.tasks import end

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> web.Application:
    """A gateway as an aiohttp application; ``settings`` are the environment's where none are given.

    Raises:
        market.environ.SettingError: a variable of the environment that cannot be used.
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
    """`create_app` in the form that gunicorn's aiohttp workers take."""
    return create_app()


def arrivals(app: web.Application, serve: Callable[[], asyncio.Protocol], served: Callable[[], int]) -> Arrivals:
    """The protocol factory of a running ``app`` for ``loop.create_server``.

    ``serve`` is aiohttp's own; ``served`` says how many connections it has.
    """
    gateway = app[GATEWAY]
    settings = gateway.settings
    room = _room(settings)

    def has_room() -> bool:
        return len(gateway.hub) + len(made) + served() < room

    def settings_changed() -> None:
        nonlocal room
        room = _room(gateway.settings)
        made.change(timeout_s=gateway.settings.handshake_timeout_s, most=gateway.settings.max_handshakes)

    made = Arrivals(
        gateway.entrance,
        functools.partial(upgrade_now, gateway),
        WEBSOCKET_PATH,
        serve,
        gateway.counters,
        gateway.buffers,
        gateway.turns,
        timeout_s=settings.handshake_timeout_s,
        most=settings.max_handshakes,
        has_room=has_room,
    )
    gateway.on_change.append(settings_changed)
    gateway.arriving = lambda: len(made) + served()
    return made


async def drain(app: web.Application) -> None:
    """Take ``app`` out of service gracefully; it still listens when this returns, and holds no client."""
    await app[GATEWAY].drain()


def _room(settings: Settings) -> int:
    """How many sockets there may be, and are descriptors for."""
    unlimited = not (settings.max_connections and settings.max_handshakes)
    return make_room(0 if unlimited else settings.max_connections + settings.max_handshakes)


def _registry(gateway: Gateway) -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    hub, feed = gateway.hub, gateway.feed
    gauges = {
        "connections": ("Clients connected.", lambda: len(hub)),
        "cohorts": ("Different wishes among them.", lambda: hub.cohort_count),
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
        "feed_live": ("1 while prices are live, 0 while stale.", lambda: feed.status.feed == "live"),
    }
    labelled = {"symbols": ("state", "This gateway's symbols, where the poller tells.", gateway.states.counts)}
    registry.register(GatewayCollector(gateway.counters, gauges, labelled))
    return registry


def _end_loudly(work: asyncio.Task[None]) -> None:
    """A gateway that hears nothing must not go on looking alive: its supervisor starts a new one."""
    if not work.cancelled() and (error := work.exception()) is not None:
        logger.critical("the gateway has failed; this process ends", exc_info=error)
        os._exit(70)
