"""An answer that is written piece by piece: little is kept for a client that does not read."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from aiohttp import web


async def answer_in_pieces(
    request: web.Request, pieces: Iterator[bytes], headers: Mapping[str, str]
) -> web.StreamResponse:
    """Write ``pieces``, which are JSON together. Each waits until the client has taken the one before."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", **headers})
    await response.prepare(request)
    with suppress(ConnectionResetError):
        # Raised if the client has gone, or has read nothing for too long.
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
    return response
