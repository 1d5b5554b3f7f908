"""The composition root: settings in, a running gateway out."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator

from aiohttp import web

from gateway.admission.request.head import MAX_FIELDS, MAX_HEAD_BYTES
from gateway.fleet import Fleet
from gateway.gateway import Gateway
from gateway.hosting import refuse_other_workers
from gateway.http.binance import Binance
from gateway.http.listening.tls import ask_for_tls
from gateway.http.operators import FLEET
from gateway.http.routes import (
    BINANCE,
    GATEWAY,
    add_page_headers,
    close_while_draining,
    refuse_strangers,
    routes,
)
from gateway.log_events import GATEWAY_FAILED
from gateway.orders import Orders
from gateway.settings import Settings
from market.bus import BusOptions, open_bus
from market.process.tasks import end

logger = logging.getLogger(__name__)

# Not when it serves: gunicorn imports this module even for a worker that would never call us.
refuse_other_workers()


def create_app(settings: Settings | None = None) -> web.Application:
    """A gateway as an aiohttp application. ``settings`` are by default those of the environment.

    Raises:
        market.settings.environ.SettingError: a variable of the environment that cannot be used.
    """
    settings = settings or Settings.from_environ(os.environ)
    # For other servers; `gateway.http.server` uses `gateway.http.handler`, with the same limits and more.
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
    if settings.tls_cert:
        app.on_response_prepare.append(ask_for_tls)

    async def running(app: web.Application) -> AsyncIterator[None]:
        options = BusOptions(history_bytes=settings.history_bytes, store_url=settings.store_url)
        app[GATEWAY] = gateway = Gateway(settings, open_bus(settings.bus_url, options))
        app[BINANCE] = Binance(gateway)
        app[FLEET] = fleet = Fleet(gateway)
        # The objects of the imports stay for ever. Scanning them again and again would only cost time.
        gc.collect()
        gc.freeze()
        work = asyncio.create_task(gateway.run(), name="gateway")
        work.add_done_callback(_end_loudly)
        announcing = asyncio.create_task(fleet.run(), name="fleet")
        obeying = [
            asyncio.create_task(Orders(gateway, its.revocations).run(), name="orders")
            for its in (gateway.authenticator,)
            if its is not None
        ]
        for task in obeying:
            # Nobody must go on letting in who was revoked.
            task.add_done_callback(_end_loudly)
        yield
        await end(*obeying)
        await end(announcing)
        await end(work)

    async def close_clients(app: web.Application) -> None:
        # Clients get 1012 whatever stops the application; after `drain` there are none left.
        await app[GATEWAY].close_all()

    app.cleanup_ctx.append(running)
    app.on_shutdown.append(close_clients)
    return app


async def app_factory() -> web.Application:
    """`create_app` in the form that `gateway.worker.Worker` takes; gunicorn's other workers are refused."""
    return create_app()


async def drain(app: web.Application) -> None:
    """Take ``app`` out of service gracefully. When this returns, it still listens and holds no client."""
    await app[GATEWAY].drain()


def _end_loudly(work: asyncio.Task[None]) -> None:
    """A gateway without its feed must not go on looking alive: its supervisor starts a new one."""
    if not work.cancelled() and (error := work.exception()) is not None:
        logger.critical(GATEWAY_FAILED, exc_info=error)
        os._exit(70)
