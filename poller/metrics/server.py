"""The poller's port for operators: metrics for Prometheus, and whether it is alive and ready."""

import hmac
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from market.metrics.exposition import CONTENT_TYPE, expose
from market.metrics.family import Family
from poller.errors import PollerError


async def serve(
    host: str, port: int, families: Iterable[Family], ready: Callable[[], str], token: Callable[[], str] = str
) -> web.AppRunner:
    """Serve ``/metrics``, ``/healthz`` and ``/readyz``; the caller cleans the runner up.

    ``ready`` says why the poller is not ready, and nothing if it is. With a ``token``, which may change, metrics are
    for its bearer.

    Raises:
        PollerError: the port cannot be listened on.
    """

    async def metrics(request: web.Request) -> web.Response:
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode(errors="surrogateescape")
        if (wanted := token()) and not hmac.compare_digest(f"Bearer {wanted}".encode(), given):
            raise web.HTTPUnauthorized(
                text="metrics need METRICS_TOKEN: Authorization: Bearer <token>\n",
                headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
            )
        return web.Response(body=await expose(families), headers={"Content-Type": CONTENT_TYPE})

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(_: web.Request) -> web.Response:
        problem = ready()
        return web.Response(text=f"{problem or 'ready'}\n", status=503 if problem else 200)

    @web.middleware
    async def refuse_names(request: web.Request, handler: Handler) -> web.StreamResponse:
        # Who must show a token is no page that a stranger has made.
        return await handler(request) if token() else await _refuse_names(request, handler)

    app = web.Application(middlewares=[refuse_names])
    app.on_response_prepare.append(_name_no_version)
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        reason = error.strerror or str(error)
        raise PollerError(
            f"POLLER_METRICS_PORT {port} cannot be listened on at {host} ({reason}); choose a free port, or 0 for none"
        ) from None
    return runner


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
