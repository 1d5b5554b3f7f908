"""The answer to a WebSocket handshake (RFC 6455, section 4.2)."""

import binascii
import hashlib
from collections.abc import Collection
from typing import Final

from aiohttp import hdrs
from msgspec import Struct
from multidict import CIMultiDictProxy

from gateway.errors import RefusalError
from gateway.websocket.framing.deflate import negotiate
from gateway.websocket.header_fields import elements, has_token

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# Written by us, so that the answer and the first frames are one packet.
_HEAD: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)


class Handshake(Struct, frozen=True):
    """A handshake that can be accepted."""

    head: bytes
    """The whole answer, to be written before the first frame."""
    protocol: str
    """The chosen subprotocol; "" if none of those offered is known."""
    deflate: bool
    """Whether both sides may compress messages."""
    window_bytes: int = 0
    """How far back compressed messages of the client may refer to earlier ones."""


NO_HANDSHAKE: Final = Handshake(b"", "", deflate=False)
"""Of a request for anything but a WebSocket."""


def check(headers: CIMultiDictProxy[str], protocols: Collection[str], *, deflate: bool = True) -> Handshake:
    """The answer to a request. Among subprotocols the client's order of preference decides.

    ``deflate`` says whether compression may be negotiated.

    Raises:
        RefusalError: it is not a WebSocket handshake, or of another version; the message says which part is wrong.
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


def _is_key(key: str) -> bool:
    try:
        return len(key) == 24 and len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except ValueError:
        return False
