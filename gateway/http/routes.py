"""What a gateway answers over HTTP."""

import asyncio
import hmac
from collections.abc import Sequence
from typing import Any, Final

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.admission.admission import try_later, unauthorised
from gateway.admission.limits.charges import METRICS
from gateway.admission.request.head import require_small_body
from gateway.admission.upgrade_request import bearer
from gateway.auth.grant import Grant
from gateway.client.names import full_names
from gateway.errors import SERVER, RefusalError
from gateway.gateway import Gateway
from gateway.http.bearers import grant_of, payer_of
from gateway.http.binance import FOR_PAGES, Binance
from gateway.http.directions import NOTHING_HERE, other_methods, require_path, require_upgrade
from gateway.http.health import health, readiness
from gateway.http.pages import Pages
from gateway.http.symbols import answer, cost
from gateway.http.upgrade import origin_of, refuse_again, upgrade
from market.bus import BusDownError, NoStoreError

GATEWAY: Final = web.AppKey("gateway", Gateway)
BINANCE: Final = web.AppKey("binance", Binance)
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)

WEBSOCKET_PATH: Final = "/ws"
TICKET_PATH: Final = "/v1/ticket"
SYMBOLS_PATH: Final = "/v1/symbols"

_FOR_PAGES: Final = {TICKET_PATH: "POST", SYMBOLS_PATH: "GET"}
"""Pages of other allowed origins may read the answers of these, each to this method."""

_FOR_OPERATORS: Final = frozenset(("/healthz", "/readyz", "/metrics"))
"""Load balancers and scrapers ask for these, under names of their own."""

_PAGES: Final = Pages()


def routes() -> list[web.AbstractRouteDef]:
    """All paths."""
    return [
        web.get("/", index),
        web.get("/web/{name}", part),
        web.get(WEBSOCKET_PATH, websocket, allow_head=False),
        web.options(WEBSOCKET_PATH, may_connect),
        web.post(TICKET_PATH, ticket),
        web.options(TICKET_PATH, preflight),
        web.get(SYMBOLS_PATH, symbols, allow_head=False),
        web.options(SYMBOLS_PATH, preflight),
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
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
    grant = await _grant(request)
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
    names: Sequence[str] = gateway.settings.symbols.names
    if gateway.authenticator is not None:
        names = full_names(await _grant(request), gateway.settings.symbols).allowed(names)
    gateway.admission.charges.take(_payer(request), cost(len(names)))
    return await answer(gateway, request, names)


async def preflight(request: web.Request) -> web.Response:
    """The answer to a page of an allowed origin before it sends a token (Fetch standard, CORS protocol)."""
    method = _FOR_PAGES[request.path]
    headers = {"Access-Control-Allow-Methods": method, "Access-Control-Allow-Headers": "Authorization"}
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
    if (port := gateway.settings.private_port) and not _is_at(request.transport, port):
        raise web.HTTPNotFound
    gateway.admission.charges.take(_payer(request), METRICS)
    expected, token = gateway.settings.metrics_token, bearer(request.headers) or ""
    if expected and not hmac.compare_digest(expected.encode(), token.encode(errors="surrogateescape")):
        raise unauthorised("metrics need METRICS_TOKEN: Authorization: Bearer <token>", "bad_token")
    return web.Response(body=generate_latest(request.app[REGISTRY]), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _is_at(transport: asyncio.Transport | None, port: int) -> bool:
    """Whether a connection came to this port."""
    return transport is not None and bool(transport.get_extra_info("sockname")[1] == port)


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
            require_path(request, WEBSOCKET_PATH, gateway.admission.names.log_path)
        require_small_body(request.headers)
        return await handler(request)
    except web.HTTPNotFound:
        return _refused(NOTHING_HERE)
    except web.HTTPMethodNotAllowed as error:
        return _refused(other_methods(error.allowed_methods))
    except RefusalError as refusal:
        gateway.counters.connections_refused[refusal.reason] += 1
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
        response.headers["Vary"] = hdrs.ORIGIN


async def _grant(request: web.Request) -> Grant:
    """What the token of a request allows.

    Raises:
        RefusalError: it has none, or one that opens nothing, or that cannot be told now.
    """
    return await grant_of(request, request.app[GATEWAY], bearer(request.headers), "Authorization: Bearer <token>")


def _payer(request: web.Request) -> str | None:
    return payer_of(request, request.app[GATEWAY])


def _refused(refusal: RefusalError) -> web.Response:
    headers = dict(refusal.headers)
    return web.Response(status=refusal.status, body=refusal.body, content_type="application/json", headers=headers)


def _answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)
