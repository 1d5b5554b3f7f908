"""The list of symbols over plain HTTP: ``GET /v1/symbols``."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from aiohttp import web

from gateway.client.listing import MOST_IN_MESSAGE, described
from gateway.gateway import Gateway
from gateway.http.v1.pieces import answer_in_pieces

_SYMBOLS: Final = 500
"""So many symbols in an answer cost one token: see `gateway.admission.limits.charges`."""

_encode = msgspec.json.Encoder().encode


def cost(symbols: int) -> int:
    """The cost to answer with so many symbols, in tokens beyond that of any request."""
    return symbols // _SYMBOLS


async def answer(gateway: Gateway, request: web.Request, names: Sequence[str]) -> web.StreamResponse:
    """Write what is known of ``names``."""
    return await answer_in_pieces(request, _pieces(gateway, names), {"Cache-Control": "no-store"})


def _pieces(gateway: Gateway, names: Sequence[str]) -> Iterator[bytes]:
    yield b'{"symbols":['
    for start in range(0, len(names), MOST_IN_MESSAGE):
        entries = _encode(described(gateway, names[start : start + MOST_IN_MESSAGE]))
        yield (b"," if start else b"") + entries[1:-1]
    yield b"]}"
