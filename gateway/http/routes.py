"""What a gateway answers over HTTP."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.admission.admission import try_later
from gateway.admission.request.head import require_small_body
from gateway.admission.upgrade_request import bearer
from gateway.client.names import full_names
from gateway.errors import SERVER, RefusalError
from gateway.gateway import Gateway
from gateway.http.bearers import grant_of, payer_of
from gateway.http.binance import FOR_PAGES, Binance
from gateway.http.directions import NOTHING_HERE, other_methods, require_path, require_upgrade
from gateway.http.documents.asyncapi import asyncapi
from gateway.http.documents.document import Document
from gateway.http.documents.openapi import openapi
from gateway.http.health import health, readiness
from gateway.http.operators import FLEET, FLEET_PATH, OPS_PATH, processes, require_port, require_token
from gateway.http.pages import Pages
from gateway.http.upgrade import origin_of, refuse_again, upgrade
from gateway.http.v1.access import HOW, grant_for
from gateway.http.v1.status import venue_statuses
from gateway.http.v1.stream import open_stream
from gateway.http.v1.symbols import answer, cost
from gateway.http.v1.ticks import newest_ticks
from gateway.protocol.encodings import AT
from gateway.scrape import families
from market.bus import BusDownError, NoStoreError
from market.metrics.exposition import CONTENT_TYPE, expose

GATEWAY: Final = web.AppKey("gateway", Gateway)
BINANCE: Final = web.AppKey("binance", Binance)

WEBSOCKET_PATH: Final = "/ws"
TICKET_PATH: Final = "/v1/ticket"
SYMBOLS_PATH: Final = "/v1/symbols"

TICKS_PATH: Final = "/v1/ticks"
STREAM_PATH: Final = "/v1/stream"
STATUS_PATH: Final = "/v1/status"

OPENAPI_PATH: Final = "/openapi.json"
ASYNCAPI_PATH: Final = "/asyncapi.json"

_FOR_PAGES: Final = {
    TICKET_PATH: "POST",
    **dict.fromkeys((SYMBOLS_PATH, TICKS_PATH, STREAM_PATH, STATUS_PATH, OPENAPI_PATH, ASYNCAPI_PATH), "GET"),
}
"""Pages of other allowed origins may read the answers of these, each to this method."""

_FOR_OPERATORS: Final = frozenset(("/healthz", "/readyz", "/metrics", OPS_PATH, FLEET_PATH))
"""Load balancers and scrapers ask for these, under names of their own."""

_PAGES: Final = Pages()
_OPENAPI: Final = Document(openapi())
_ASYNCAPI: Final = Document(asyncapi())


def routes() -> list[web.AbstractRouteDef]:
    """All paths."""
    return [
        web.get("/", index),
        web.get("/web/{name:.+}", part),
        web.get(WEBSOCKET_PATH, websocket, allow_head=False),
        web.options(WEBSOCKET_PATH, may_connect),
        *(web.get(path, trades, allow_head=False) for path in AT),
        *(web.options(path, may_connect) for path in AT),
        web.post(TICKET_PATH, ticket),
        web.options(TICKET_PATH, preflight),
        web.get(SYMBOLS_PATH, symbols, allow_head=False),
        web.get(TICKS_PATH, ticks, allow_head=False),
        web.get(STREAM_PATH, stream, allow_head=False),
        web.get(STATUS_PATH, status, allow_head=False),
        *(web.options(path, preflight) for path in (SYMBOLS_PATH, TICKS_PATH, STREAM_PATH, STATUS_PATH)),
        web.get(OPENAPI_PATH, openapi_document),
        web.get(ASYNCAPI_PATH, asyncapi_document),
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
        web.get(OPS_PATH, ops),
        web.get(FLEET_PATH, fleet, allow_head=False),
    ]


async def index(request: web.Request) -> web.Response:
    """The dashboard."""
    return _PAGES.index.answer(request)


async def part(request: web.Request) -> web.Response:
    """A part of the dashboard."""
    found = _PAGES.parts.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    return found.answer(request)


async def websocket(request: web.Request) -> web.StreamResponse:
    """The WebSocket: prices."""
    require_upgrade(request)
    return await upgrade(request, request.app[GATEWAY])


async def trades(request: web.Request) -> web.StreamResponse:
    """The same for the plainest clients: only last prices and volumes, as JSON numbers."""
    return await websocket(request)


async def may_connect(request: web.Request) -> web.Response:
    """Whether a page may open a WebSocket here: 204, or the refusal that its handshake would get.

    A browser hides why a handshake was refused, and sends an `Origin` with this request as with a handshake.
    """
    request.app[GATEWAY].admission.require_room()
    return web.Response(status=204, headers={"Allow": "GET, OPTIONS", "Cache-Control": "no-store"})


async def ticket(request: web.Request) -> web.Response:
    """A one-time ticket for the bearer of a token: ``/ws?ticket=`` accepts it once, and soon."""
    gateway = request.app[GATEWAY]
    if gateway.authenticator is None:
        raise RefusalError(404, "ticket", "nobody needs a ticket here: AUTH_MODE is none")
    grant = await grant_of(request, gateway, bearer(request.headers), HOW)
    try:
        if gateway.budgets.subjects.take(grant.subject, asyncio.get_running_loop().time()) != "ok":
            # The bus's store keeps each ticket for a while.
            raise RefusalError(429, "rate", "too many messages and tickets of this subject", {"Retry-After": "1"})
        issued = await gateway.tickets.issue(grant)
    except NoStoreError as error:
        raise RefusalError(404, "ticket", f"there are no tickets here: {error}") from None
    except BusDownError as error:
        raise try_later("no ticket can be given now", error) from None
    gateway.counters.tickets_issued += 1
    headers = {"Cache-Control": "no-store"}
    return _answer(200, {"ticket": issued, "expires_in_s": gateway.tickets.ttl_s}, headers)


async def symbols(request: web.Request) -> web.StreamResponse:
    """The symbols that there are, as in the message ``symbols``; if a token is needed, those that it allows."""
    gateway = request.app[GATEWAY]
    grant = await grant_for(request, gateway)
    names: Sequence[str] = full_names(grant, gateway.settings.symbols).allowed(gateway.settings.symbols.names)
    gateway.admission.charges.take(payer_of(request, gateway), cost(len(names)))
    return await answer(gateway, request, names)


async def ticks(request: web.Request) -> web.StreamResponse:
    """The newest tick of each symbol, with its age and state."""
    return await newest_ticks(request.app[GATEWAY], request)


async def stream(request: web.Request) -> web.StreamResponse:
    """Ticks as server-sent events."""
    return await open_stream(request.app[GATEWAY], request)


async def status(request: web.Request) -> web.Response:
    """Whether the prices of each venue are live."""
    return await venue_statuses(request.app[GATEWAY], request)


async def openapi_document(request: web.Request) -> web.Response:
    """What is served over plain HTTP, as OpenAPI 3.1."""
    return _OPENAPI.answer(request)


async def asyncapi_document(request: web.Request) -> web.Response:
    """What is said over WebSockets, as AsyncAPI 3."""
    return _ASYNCAPI.answer(request)


async def preflight(request: web.Request) -> web.Response:
    """The answer to a page of an allowed origin before it sends a token (Fetch standard, CORS protocol)."""
    method = _FOR_PAGES[request.path]
    allowed = "Authorization" if method == "POST" else "Authorization, If-None-Match, Last-Event-ID"
    headers = {"Access-Control-Allow-Methods": method, "Access-Control-Allow-Headers": allowed}
    return web.Response(status=204, headers=headers)


async def healthz(_request: web.Request) -> web.Response:
    """200 while this process is alive."""
    return _answer(*health())


async def readyz(request: web.Request) -> web.Response:
    """200 in service, 503 not yet, 404 while it drains."""
    return _answer(*readiness(request.app[GATEWAY], request.headers, request.remote or ""))


async def metrics(request: web.Request) -> web.Response:
    """Metrics as Prometheus text, for the bearer of ``METRICS_TOKEN`` if that is set.

    Each value is as of now, and costs accordingly.
    """
    gateway = request.app[GATEWAY]
    require_port(gateway, request)
    require_token(gateway, request, payer_of(request, gateway))
    return web.Response(body=await expose(families(gateway)), headers={"Content-Type": CONTENT_TYPE})


async def ops(request: web.Request) -> web.Response:
    """The operator's page: an empty frame, which asks for the processes with the token that it is given."""
    require_port(request.app[GATEWAY], request)
    return _PAGES.ops.answer(request)


async def fleet(request: web.Request) -> web.Response:
    """The gateways and pollers of this deployment as JSON, for the bearer of ``METRICS_TOKEN`` if that is set."""
    gateway = request.app[GATEWAY]
    require_port(gateway, request)
    require_token(gateway, request, payer_of(request, gateway))
    return await processes(request.app[FLEET])


@web.middleware
async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals. Also check that people ask for their pages under an allowed name."""
    gateway = request.app[GATEWAY]
    try:
        refuse_again(request)
        peer, pending = origin_of(request)
        if pending is None or pending.payer is None:
            # The head could not be charged when it came.
            gateway.admission.charges.take_request(gateway.admission.payer(request.headers, peer), request.path)
        if request.path in _FOR_OPERATORS:
            gateway.admission.names.check_operator(request.headers)
        else:
            gateway.admission.names.check(request.headers)
            path = request.app[BINANCE].path_of(request)
            if path is not None:
                require_small_body(request.headers)
                return await request.app[BINANCE].answer(request, path)
            require_path(request, (WEBSOCKET_PATH, *AT), gateway.admission.names.log_path)
        require_small_body(request.headers)
        return await handler(request)
    except web.HTTPNotFound:
        return _refused(NOTHING_HERE)
    except web.HTTPMethodNotAllowed as error:
        return _refused(other_methods(error.allowed_methods))
    except RefusalError as refusal:
        gateway.counters.refused(refusal)
        response = _refused(refusal)
        if refusal.ends_connection:
            response.force_close()
        return response


async def close_while_draining(request: web.Request, response: web.StreamResponse) -> None:
    """Keep no connection for another request while draining: it would come too late."""
    if request.app[GATEWAY].draining:
        response.force_close()
        response.headers[hdrs.CONNECTION] = "close"


async def add_page_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Let pages of allowed origins read what is for them, and name no versions."""
    response.headers[hdrs.SERVER] = SERVER
    if hdrs.ORIGIN not in request.headers or response.status == 403:
        return
    if request.path in _FOR_PAGES or request.get(FOR_PAGES):
        response.headers["Access-Control-Allow-Origin"] = request.headers[hdrs.ORIGIN]
        response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After"
        response.headers["Vary"] = hdrs.ORIGIN


def _refused(refusal: RefusalError) -> web.Response:
    headers = dict(refusal.headers)
    return web.Response(status=refusal.status, body=refusal.body, content_type="application/json", headers=headers)


def _answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)
