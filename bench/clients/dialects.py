"""How clients of other servers speak: what they ask for, and which messages they must understand."""

import json
from typing import Final, Protocol

from bench.clients.wire import BINARY, TEXT, client_frame


class Dialect(Protocol):
    """Messages within WebSocket frames that are not the gateway's."""

    path: str
    """The path of the WebSocket."""

    def subscription(self, wanted: tuple[str, ...]) -> bytes:
        """The frame that asks for the ticks of these symbols."""

    def is_ready(self, payload: bytes) -> bool:
        """Whether this message says that the client is subscribed."""

    def answer(self, payload: bytes, /) -> bytes:
        """The frame that this message asks for; empty if it asks for none."""


class Nats:
    """NATS's own protocol, within binary frames."""

    path = "/ws"

    def subscription(self, wanted: tuple[str, ...]) -> bytes:
        """See `Dialect.subscription`. The PING behind it is answered when all is done."""
        lines = ['CONNECT {"verbose":false,"pedantic":false}']
        lines += [f"SUB tick.{symbol} {index}" for index, symbol in enumerate(wanted, 1)]
        return client_frame(BINARY, "".join(f"{line}\r\n" for line in [*lines, "PING"]).encode())

    def is_ready(self, payload: bytes) -> bool:
        """See `Dialect.is_ready`."""
        return b"PONG" in payload

    def answer(self, payload: bytes) -> bytes:
        """See `Dialect.answer`."""
        return client_frame(BINARY, b"PONG\r\n") if b"PING" in payload else b""


class Centrifugo:
    """Centrifugo's unidirectional WebSocket: one request, and then only pushes, several in a frame."""

    path = "/connection/uni_websocket"

    def subscription(self, wanted: tuple[str, ...]) -> bytes:
        """See `Dialect.subscription`."""
        request: dict[str, object] = {"subs": {f"tick.{symbol}": {} for symbol in wanted}}
        return client_frame(TEXT, json.dumps(request, separators=(",", ":")).encode())

    def is_ready(self, payload: bytes) -> bool:
        """See `Dialect.is_ready`."""
        return b'"connect":{' in payload

    def answer(self, _payload: bytes, /) -> bytes:
        """See `Dialect.answer`: nothing is asked."""
        return b""


FOREIGN: Final[dict[str, Dialect]] = {"nats": Nats(), "centrifugo": Centrifugo()}
"""By name. The gateway's own, ``tickgate``, is not among them: `bench.clients.load` speaks it."""
