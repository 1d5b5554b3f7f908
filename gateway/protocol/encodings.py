"""The encodings that clients can choose, by subprotocol.

Another one is a module like `gateway.protocol.json_encoding`, and a line here.
"""

from typing import Final

from gateway.protocol.encoding import Encoding
from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK

DEFAULT: Final = JSON
"""For a client that asks for no subprotocol, or for none that is known here."""

ENCODINGS: Final[dict[str, Encoding]] = {}
"""Subprotocol → encoding."""


def register(encoding: Encoding) -> None:
    """Let clients choose ``encoding``.

    Raises:
        ValueError: there is one of that subprotocol already.
    """
    if encoding.subprotocol in ENCODINGS:
        raise ValueError(f"two encodings are called {encoding.subprotocol}")
    ENCODINGS[encoding.subprotocol] = encoding


register(JSON)
register(MSGPACK)
