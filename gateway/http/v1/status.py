"""Whether prices are live: ``GET /v1/status``."""

from typing import Literal

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from gateway.gateway import Gateway
from gateway.http.v1.access import grant_for


class VenueStatus(Struct, kw_only=True, gc=False):
    """Whether a venue's prices are live, as in the message ``status``."""

    venue: str
    """The venue. Its symbols have this name and a colon in front; those of ``binance`` have nothing in front."""
    feed: Literal["live", "stale"]
    """``stale`` says that the prices of all symbols of the venue may be old."""
    reason: str
    """Why it is stale, or what is unusual; else empty."""
    source: str
    """``binance-ws``, ``binance-rest``, ``coinbase-ws``, ``simulated``, ``replay`` or another word."""
    since_us: int
    """Since when; Unix time, microseconds."""


class GatewayStatus(Struct, kw_only=True, gc=False):
    """The answer to ``GET /v1/status``."""

    server_us: int
    """The gateway's clock; Unix time, microseconds."""
    feed: Literal["live", "stale"]
    """``live`` if every venue is."""
    venues: list[VenueStatus]
    """Each venue that has symbols here."""


_encode = msgspec.json.Encoder().encode


async def venue_statuses(gateway: Gateway, request: web.Request) -> web.Response:
    """The answer to a request.

    Raises:
        RefusalError: a token is needed, and the request has no good one.
    """
    await grant_for(request, gateway)
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(body=_encode(status_now(gateway)), content_type="application/json", headers=headers)


def status_now(gateway: Gateway) -> GatewayStatus:
    """What is known now."""
    venues = [
        VenueStatus(venue=one.venue, feed=one.feed, reason=one.reason, source=one.source, since_us=one.since_us)
        for one in gateway.feed.statuses
    ]
    feed: Literal["live", "stale"] = "live" if gateway.feed.live else "stale"
    return GatewayStatus(server_us=gateway.now_us(), feed=feed, venues=venues)
