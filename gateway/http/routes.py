"""What a gateway answers over HTTP."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.admission.admission import try_later, unauthorised
from gateway.admission.request.head import require_small_body
from gateway.admission.upgrade_request import bearer
from gateway.auth.grant import Grant, RefusedError, TryLaterError
from gateway.client.names import full_names
from gateway.errors import SERVER, RefusalError
from gateway.gateway import Gateway
from gateway.http.directions import NOTHING_HERE, other_methods, require_path, require_upgrade
from gateway.http.health import health, readiness
from gateway.http.operators import FLEET, FLEET_PATH, OPS_PATH, processes, require_port, require_token
from gateway.http.pages import Pages
from gateway.http.symbols import answer, cost
from gateway.http.upgrade import origin_of, refuse_again, upgrade
from market.bus import BusDownError, NoStoreError

GATEWAY: Final = web.AppKey("gateway", Gateway)
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)

WEBSOCKET_PATH: Final = "/ws"
TICKET_PATH: Final = "/v1/ticket"
SYMBOLS_PATH: Final = "/v1/symbols"

_FOR_PAGES: Final = {TICKET_PATH: "POST", SYMBOLS_PATH: "GET"}
"""Pages of other allowed origins may read the answers of these, each to this method."""

_FOR_OPERATORS: Final = frozenset(("/healthz", "/readyz", "/metrics", OPS_PATH, FLEET_PATH))
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
    require_port(gateway, request)
    require_token(gateway, request, _payer(request))
    return web.Response(body=generate_latest(request.app[REGISTRY]), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def ops(request: web.Request) -> web.Response:
    """The operator's page: an empty frame, which asks for the processes with the token that it is given."""
    require_port(request.app[GATEWAY], request)
    return _PAGES.ops.answer(request)


async def fleet(request: web.Request) -> web.Response:
    """The gateways and pollers of this deployment as JSON, for the bearer of ``METRICS_TOKEN`` if that is set."""
    gateway = request.app[GATEWAY]
    require_port(gateway, request)
    require_token(gateway, request, _payer(request))
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
    if request.path in _FOR_PAGES and hdrs.ORIGIN in request.headers and response.status != 403:
        response.headers["Access-Control-Allow-Origin"] = request.headers[hdrs.ORIGIN]
        response.headers["Vary"] = hdrs.ORIGIN


async def _grant(request: web.Request) -> Grant:
    """What the token of a request allows.

    Raises:
        RefusalError: it has none, or one that opens nothing, or that cannot be told now.
    """
    gateway = request.app[GATEWAY]
    token = bearer(request.headers)
    if token is None:
        raise unauthorised("this is for who brings a token: Authorization: Bearer <token>", "bad_token")
    assert gateway.authenticator is not None
    try:
        with gateway.admission.charges.proof(_payer(request)):
            return await gateway.authenticator.verify(token)
    except RefusedError as error:
        raise unauthorised(str(error), error.code) from None
    except TryLaterError as error:
        raise try_later("the token cannot be checked now", error) from None


def _payer(request: web.Request) -> str | None:
    return request.app[GATEWAY].admission.payer(request.headers, origin_of(request)[0])


def _refused(refusal: RefusalError) -> web.Response:
    headers = dict(refusal.headers)
    return web.Response(status=refusal.status, body=refusal.body, content_type="application/json", headers=headers)


def _answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)
