"""A session for the exchange's streams that keeps the body of a refused handshake."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Final

import aiohttp

_MOST_BYTES: Final = 1 << 14


class RefusedError(aiohttp.ClientError):
    """The answer to a handshake was not an upgrade."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body
        """The beginning of the body."""


def stream_session() -> aiohttp.ClientSession:
    """Return a session whose `ws_connect` raises `RefusedError`; aiohttp's own error has only the status.

    The number of connections is not limited: each stays open for hours.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(_refuse)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), trace_configs=[trace])


async def _refuse(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
) -> None:
    response = params.response
    if response.status == 101:
        return
    try:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) >= _MOST_BYTES:
                break
    except aiohttp.ClientError:
        pass  # the part of the body that arrived is enough
    finally:
        response.close()
    raise RefusedError(response.status, response.headers, bytes(body))
