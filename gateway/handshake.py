"""From an HTTP request to a bare WebSocket (RFC 6455, section 4.2).

aiohttp parses and routes the request; this answers it, and then takes the transport away from aiohttp.
What aiohttp keeps for a request (its protocol, a task or two, headers, frames of handlers) is more than
ten kilobytes; a client that stays for hours needs none of it.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable, Collection
from typing import Final

from aiohttp import hdrs, web

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def accept(request: web.Request, protocols: Collection[str]) -> tuple[web.StreamResponse, str]:
    """Answer the handshake with 101; returns the response, and the subprotocol chosen, or "".

    The client's order of preference decides. Who offers none that is known gets none: RFC 6455, 4.2.2.

    Raises:
        web.HTTPBadRequest: not a WebSocket handshake; the text says which part.
        web.HTTPUpgradeRequired: another version of the protocol.
    """
    headers = request.headers
    if "websocket" not in _tokens(headers.getall(hdrs.UPGRADE, ())):
        raise web.HTTPBadRequest(text="this is a WebSocket endpoint: Upgrade must be websocket\n")
    if "upgrade" not in _tokens(headers.getall(hdrs.CONNECTION, ())):
        raise web.HTTPBadRequest(text="Connection must be Upgrade\n")
    if headers.get(hdrs.SEC_WEBSOCKET_VERSION) != "13":
        raise web.HTTPUpgradeRequired(
            text="Sec-WebSocket-Version must be 13\n", headers={hdrs.SEC_WEBSOCKET_VERSION: "13"}
        )
    key = headers.get(hdrs.SEC_WEBSOCKET_KEY, "")
    if not _is_key(key):
        raise web.HTTPBadRequest(text="Sec-WebSocket-Key must be 16 bytes in base64\n")
    offered = _tokens(headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ()), lower=False)
    protocol = next((name for name in offered if name in protocols), "")
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    response = web.StreamResponse(
        status=101,
        headers={
            hdrs.UPGRADE: "websocket",
            hdrs.CONNECTION: "Upgrade",
            hdrs.SEC_WEBSOCKET_ACCEPT: base64.b64encode(digest).decode(),
        },
    )
    if protocol:
        response.headers[hdrs.SEC_WEBSOCKET_PROTOCOL] = protocol
    await response.prepare(request)
    return response, protocol


def take_over(request: web.Request, make: Callable[[asyncio.Transport], asyncio.Protocol]) -> None:
    """Give the connection of an answered ``request`` to the protocol that ``make`` makes of its transport.

    aiohttp is told that the connection is lost, and forgets it. Nothing happens where it really is.
    """
    handler = request.protocol
    transport = handler.transport
    if transport is None:
        return
    early = _EarlyBytes()
    # An upgrade's way to receive what follows the request; it is given what has come already.
    handler.set_parser(early)  # type: ignore[arg-type] # any object with these two methods serves
    protocol = make(transport)
    transport.set_protocol(protocol)
    # It closes what it still holds.
    handler.transport = None
    handler.connection_lost(None)
    if early.data:
        protocol.data_received(bytes(early.data))


class _EarlyBytes:
    """Keeps what a client sent before its handshake was answered."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        pass


def _tokens(values: Collection[str], *, lower: bool = True) -> list[str]:
    tokens = [token.strip() for value in values for token in value.split(",")]
    return [token.lower() for token in tokens] if lower else tokens


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
