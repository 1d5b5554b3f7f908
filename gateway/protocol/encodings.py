"""The encodings that clients can choose, by subprotocol.

A new one is a module like `gateway.protocol.json_encoding`, and a line here.
"""

from collections.abc import Collection, Mapping
from typing import Final

from gateway.protocol.encoding import Encoding
from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK
from gateway.protocol.trade_encoding import TRADE

DEFAULT: Final = JSON
"""For a client that asks for no subprotocol, or for no known one."""

ENCODINGS: Final[dict[str, Encoding]] = {}
"""Subprotocol → encoding."""


AT: Final[Mapping[str, Encoding]] = {"/ws/trade": TRADE}
"""Path → the encoding that is spoken there; none can be chosen."""


def subprotocols(path: str) -> Collection[str]:
    """The subprotocols that can be chosen at ``path``."""
    return () if path in AT else ENCODINGS


def chosen(path: str, subprotocol: str) -> Encoding:
    """The encoding of a client at ``path`` that has agreed on ``subprotocol``."""
    return AT.get(path) or ENCODINGS.get(subprotocol, DEFAULT)


def register(encoding: Encoding) -> None:
    """Let clients choose ``encoding``.

    Raises:
        ValueError: its subprotocol is taken.
    """
    if encoding.subprotocol in ENCODINGS:
        raise ValueError(f"two encodings are called {encoding.subprotocol}")
    ENCODINGS[encoding.subprotocol] = encoding


register(JSON)
register(MSGPACK)
