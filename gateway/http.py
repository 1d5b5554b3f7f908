"""What a gateway answers over HTTP."""

from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.conversation import converse
from gateway.gateway import Gateway

GATEWAY: Final = web.AppKey("gateway", Gateway)
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)

_WEB: Final = Path(__file__).parent / "web"
_PAGE_HEADERS: Final = {
    # Everything the dashboard needs is served from here; nothing else may run in it.
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def routes() -> list[web.AbstractRouteDef]:
    """Every path there is."""
    return [
        web.get("/", index),
        web.static("/web", _WEB),
        web.get("/ws", websocket),
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
    ]


async def index(_request: web.Request) -> web.StreamResponse:
    """The dashboard."""
    return web.FileResponse(_WEB / "index.html")


async def websocket(request: web.Request) -> web.StreamResponse:
    """Prices."""
    gateway = request.app[GATEWAY]
    if not gateway.has_room:
        gateway.counters.connections_refused += 1
        return _answer(503, {"error": "this gateway takes no more connections; try again"}, {"Retry-After": "1"})
    return converse(request, gateway)


async def healthz(_request: web.Request) -> web.Response:
    """200 while this process does its work."""
    return _answer(200, {"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """200 in service, 503 not yet, 404 draining: HAProxy then sends nobody new, and cuts nobody off."""
    gateway = request.app[GATEWAY]
    if gateway.draining:
        return _answer(404, {"status": "draining"})
    if not gateway.feed.ready:
        return _answer(503, {"status": "no last values from the bus yet"})
    return _answer(200, {"status": "ready", "feed": gateway.feed.status.feed})


async def metrics(request: web.Request) -> web.Response:
    """Prometheus text."""
    return web.Response(body=generate_latest(request.app[REGISTRY]), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def add_page_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Lock the dashboard's pages up (Content Security Policy Level 3)."""
    if request.path == "/" or request.path.startswith("/web/"):
        response.headers.update(_PAGE_HEADERS)


def _answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)
