"""From an HTTP request to a bare WebSocket (RFC 6455, section 4.2).

aiohttp parses and routes the request; this answers it, and then takes the transport away from aiohttp.
What aiohttp keeps for a request (its protocol, a task or two, headers, frames of handlers) is more than
ten kilobytes; a client that stays for hours needs none of it.
"""

import asyncio
import binascii
import hashlib
from collections.abc import Callable, Collection
from typing import Final

from aiohttp import hdrs, web
from msgspec import Struct
from multidict import CIMultiDictProxy

from gateway.errors import RefusalError
from gateway.websocket.framing.deflate import negotiate
from gateway.websocket.header_fields import elements, has_token

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# Written by ourselves, so that the answer and the first frames are one packet.
_HEAD: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)


class Handshake(Struct, frozen=True):
    """A handshake that can be accepted."""

    head: bytes
    """The whole answer, to be written before the first frame."""
    protocol: str
    """The subprotocol chosen, or "" where none was offered that is known."""
    deflate: bool
    """Whether both sides may compress messages."""
    window_bytes: int = 0
    """So far back compressed messages of the client may refer to those before them."""


def check(headers: CIMultiDictProxy[str], protocols: Collection[str], *, deflate: bool = True) -> Handshake:
    """The answer to a request. Of the subprotocols offered, the client's order of preference decides.

    ``deflate`` is whether compression may be agreed on.

    Raises:
        RefusalError: not a WebSocket handshake, or another version of the protocol; the message says which part.
    """
    if not has_token(headers, hdrs.UPGRADE, "websocket"):
        raise RefusalError(400, "handshake", "this is a WebSocket endpoint: Upgrade must be websocket")
    if not has_token(headers, hdrs.CONNECTION, "upgrade"):
        raise RefusalError(400, "handshake", "Connection must be Upgrade")
    if headers.get(hdrs.SEC_WEBSOCKET_VERSION) != "13":
        version = {str(hdrs.SEC_WEBSOCKET_VERSION): "13"}
        raise RefusalError(426, "handshake", "Sec-WebSocket-Version must be 13", version)
    key = headers.get(hdrs.SEC_WEBSOCKET_KEY, "")
    if not _is_key(key):
        raise RefusalError(400, "handshake", "Sec-WebSocket-Key must be 16 bytes in base64")
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    head = _HEAD + binascii.b2a_base64(digest, newline=False)
    protocol, agreement = "", None
    if hdrs.SEC_WEBSOCKET_PROTOCOL in headers:
        protocol = next((name for name in elements(headers, hdrs.SEC_WEBSOCKET_PROTOCOL) if name in protocols), "")
        if protocol:
            head += b"\r\nSec-WebSocket-Protocol: " + protocol.encode()
    if deflate and hdrs.SEC_WEBSOCKET_EXTENSIONS in headers:
        agreement = negotiate(headers.getall(hdrs.SEC_WEBSOCKET_EXTENSIONS))
    if agreement is None:
        return Handshake(head + b"\r\n\r\n", protocol, deflate=False)
    head += b"\r\nSec-WebSocket-Extensions: " + agreement.answer.encode()
    return Handshake(head + b"\r\n\r\n", protocol, deflate=True, window_bytes=agreement.window_bytes)


class _Answered(web.StreamResponse):
    """What a handler returns when there is nothing left to send; one serves for all."""

    async def prepare(self, _request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, _data: bytes = b"") -> None:
        return None


_ANSWERED: Final = _Answered(status=101)


def take_over(request: web.Request, make: Callable[[asyncio.Transport], asyncio.Protocol]) -> web.StreamResponse:
    """Give the connection of ``request`` to the protocol that ``make`` makes of its transport.

    aiohttp is told that the connection is lost, and forgets it; what is returned is for its handler to return.
    """
    handler = request.protocol
    transport = handler.transport
    if transport is None:
        return _ANSWERED
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
    return _ANSWERED


class _EarlyBytes:
    """Keeps what a client sent before its handshake was answered."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        pass


def _is_key(key: str) -> bool:
    try:
        return len(key) == 24 and len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except ValueError:
        return False
