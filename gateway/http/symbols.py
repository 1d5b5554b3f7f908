"""The list of symbols over plain HTTP: ``GET /v1/symbols``."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec
from aiohttp import web

from gateway.client.listing import MOST_IN_MESSAGE, described
from gateway.gateway import Gateway

_SYMBOLS: Final = 500
"""So many symbols in an answer cost one token: see `gateway.admission.limits.charges`."""

_encode = msgspec.json.Encoder().encode


def cost(symbols: int) -> int:
    """The cost to answer with so many symbols, in tokens beyond that of any request."""
    return symbols // _SYMBOLS


async def answer(gateway: Gateway, request: web.Request, names: Sequence[str]) -> web.StreamResponse:
    """Write what is known of ``names``, a piece at a time.

    Each piece waits until the client has taken the one before, so little is kept for a client that does not read.
    """
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-store"})
    await response.prepare(request)
    with suppress(ConnectionResetError):
        # Raised if the client has gone, or has read nothing for too long.
        await response.write(b'{"symbols":[')
        for start in range(0, len(names), MOST_IN_MESSAGE):
            entries = _encode(described(gateway, names[start : start + MOST_IN_MESSAGE]))
            await response.write((b"," if start else b"") + entries[1:-1])
        await response.write(b"]}")
        await response.write_eof()
    return response
