"""What is for operators alone: who they are, and the page and the list of this deployment's processes."""

import asyncio
import hmac
from typing import Final

import orjson
from aiohttp import web

from gateway.admission.admission import unauthorised
from gateway.admission.limits.charges import METRICS
from gateway.admission.upgrade_request import bearer
from gateway.fleet import Fleet
from gateway.gateway import Gateway

FLEET: Final = web.AppKey("fleet", Fleet)

OPS_PATH: Final = "/ops"
FLEET_PATH: Final = "/ops/processes"


def require_port(gateway: Gateway, request: web.Request) -> None:
    """Let a request pass that came to the port for operators, where there is one.

    Raises:
        web.HTTPNotFound: it came to the public one.
    """
    if (port := gateway.settings.private_port) and not _is_at(request.transport, port):
        raise web.HTTPNotFound


def require_token(gateway: Gateway, request: web.Request, payer: str | None) -> None:
    """Let a request pass that shows ``METRICS_TOKEN``, where that is set.

    Raises:
        RefusalError: it does not, or its address has asked too often.
    """
    gateway.admission.charges.take(payer, METRICS)
    expected, token = gateway.settings.metrics_token, bearer(request.headers) or ""
    if expected and not hmac.compare_digest(expected.encode(), token.encode(errors="surrogateescape")):
        what = "metrics need" if request.path == "/metrics" else "this needs"
        raise unauthorised(f"{what} METRICS_TOKEN: Authorization: Bearer <token>", "bad_token")


async def processes(fleet: Fleet) -> web.Response:
    """All gateways and pollers, each as it was some seconds ago at most."""
    body = orjson.dumps(await fleet.report())
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _is_at(transport: asyncio.Transport | None, port: int) -> bool:
    """Whether a connection came to this port."""
    return transport is not None and bool(transport.get_extra_info("sockname")[1] == port)
