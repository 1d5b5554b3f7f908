"""The answers for load balancers and orchestrators: is this process alive, and is it in service?"""

import asyncio
from typing import Any

import orjson
from aiohttp import hdrs
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDictProxy

from gateway.errors import RefusalError, closing_answer
from gateway.gateway import Gateway


def health() -> tuple[int, dict[str, Any]]:
    """Status and body for ``/healthz``: 200 while this process does its work."""
    return 200, {"status": "alive"}


def readiness(gateway: Gateway, headers: CIMultiDictProxy[str], address: str) -> tuple[int, dict[str, Any]]:
    """Status and body for ``/readyz``, asked from ``address``: 200 in service, 503 not, 404 draining.

    It is not in service before it has prices, and while only its own prices are stale. On 404 HAProxy sends no new
    clients, and cuts nobody off.
    """
    if gateway.draining:
        status, body = 404, {"status": "draining"}
    elif not gateway.feed.ready:
        status, body = 503, {"status": "no last values from the bus yet"}
    elif gateway.is_behind():
        status, body = 503, {"status": "stale here, and live at another gateway"}
    else:
        status, body = 200, {"status": "ready", "feed": "live" if gateway.feed.live else "stale"}
    # A request that a balancer passes on is not its own probe.
    if hdrs.X_FORWARDED_FOR not in headers:
        gateway.probes.answered(address, status, asyncio.get_running_loop().time())
    return status, body


def answer_now(gateway: Gateway, message: RawRequestMessage, address: str) -> bytes:
    """The whole answer to a probe, made without aiohttp for a tenth of the work. The connection ends with it."""
    try:
        gateway.admission.names.check_operator(message.headers)
    except RefusalError as refusal:
        gateway.counters.refused(refusal)
        return refusal.to_http()
    if message.path == "/readyz":
        status, body = readiness(gateway, message.headers, address)
    else:
        status, body = health()
    answer = closing_answer(status, orjson.dumps(body), {})
    return answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if message.method == hdrs.METH_HEAD else answer
