"""A session over a connection: what a client says comes true; when it goes, everything it held is forgotten."""

import asyncio
import logging
import uuid
from typing import Final

from aiohttp import WSMsgType, web

from gateway.connection import Connection
from gateway.frames import Encoding, message_frame
from gateway.gateway import Gateway
from gateway.handshake import Handshake, check, take_over
from gateway.protocol import Error, Welcome
from gateway.session import Outcome, Session

PROTOCOLS: Final[dict[str, Encoding]] = {"tickgate.v1.json": "json", "tickgate.v1.msgpack": "msgpack"}
"""WebSocket subprotocols; who asks for none gets JSON."""

_DATA: Final[dict[Encoding, WSMsgType]] = {"json": WSMsgType.TEXT, "msgpack": WSMsgType.BINARY}

logger = logging.getLogger(__name__)


def converse(request: web.Request, gateway: Gateway) -> web.StreamResponse:
    """Upgrade ``request`` to a WebSocket, and leave its client in a conversation of its own.

    Raises:
        web.HTTPBadRequest: not a WebSocket handshake.
        web.HTTPUpgradeRequired: another version of the protocol.
    """
    remote = request.remote
    handshake = check(request, PROTOCOLS)

    def start(transport: asyncio.Transport) -> Connection:
        conversation = Conversation(gateway, transport, handshake)
        conversation.begin(handshake.head, remote)
        return conversation.connection

    return take_over(request, start)


class Conversation:
    """One client, from its welcome to its end."""

    __slots__ = ("_gateway", "_session", "connection")

    def __init__(self, gateway: Gateway, transport: asyncio.Transport, handshake: Handshake) -> None:
        self._gateway = gateway
        settings = gateway.settings
        encoding = PROTOCOLS.get(handshake.protocol, "json")
        self.connection = Connection(
            str(uuid.uuid4()),
            transport,
            encoding,
            gateway.counters,
            self,
            settings.max_message_bytes,
            deflate=handshake.deflate,
        )
        self._session = Session(settings.symbols, gateway.limits, encoding, deflate=handshake.deflate)

    def begin(self, head: bytes, remote: str | None) -> None:
        """Write ``head``, the answer to the handshake, and welcome the client."""
        gateway, connection = self._gateway, self.connection
        gateway.add(connection)
        logger.debug("client %s connected from %s", connection.client, remote)
        welcome = Welcome(client=connection.client, heartbeat_s=gateway.settings.heartbeat_s)
        both = (message_frame(message, connection.encoding) for message in (welcome, gateway.feed.status))
        connection.reply(head + b"".join(both))

    def message_received(self, kind: WSMsgType, data: bytes) -> None:
        """See `gateway.connection.Listener.message_received`."""
        self._gateway.counters.messages_received += 1
        if kind is _DATA[self.connection.encoding]:
            self._apply(self._session.receive(data))
        else:
            self._apply(self._session.receive_wrong_frame())

    def connection_lost(self) -> None:
        """See `gateway.connection.Listener.connection_lost`."""
        self._gateway.remove(self.connection)
        # Of a storm of clients that come and go by themselves nobody wants two lines each.
        level = logging.DEBUG if self.connection.left else logging.INFO
        logger.log(level, "client %s gone: %s", self.connection.client, self.connection.end)

    def _apply(self, outcome: Outcome) -> None:
        gateway, connection, session = self._gateway, self.connection, self._session
        if outcome.wishes is not None:
            # What was pending is written first, so that no tick of an old wish follows the reply.
            session.wishes = gateway.hub.move(connection, outcome.wishes)
        for reply in outcome.replies:
            gateway.counters.errors_sent += isinstance(reply, Error)
            connection.reply(message_frame(reply, connection.encoding))
        if outcome.snapshots:
            gateway.hub.send_snapshots(connection, outcome.snapshots)
        if outcome.close is not None:
            connection.close(outcome.close)
