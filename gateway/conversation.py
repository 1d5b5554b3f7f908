"""A session over a connection: reads until the client is gone, and then forgets everything it held."""

import asyncio
import logging
import uuid
from typing import Final

from aiohttp import WSMsgType, web

from gateway.closing import Closing
from gateway.connection import Connection
from gateway.frames import Encoding, message_frame
from gateway.gateway import Gateway
from gateway.protocol import Error, Welcome
from gateway.session import Limits, Outcome, Session

PROTOCOLS: Final[dict[str, Encoding]] = {"tickgate.v1.json": "json", "tickgate.v1.msgpack": "msgpack"}
"""WebSocket subprotocols; who asks for none gets JSON."""

_DATA: Final[dict[Encoding, WSMsgType]] = {"json": WSMsgType.TEXT, "msgpack": WSMsgType.BINARY}

logger = logging.getLogger(__name__)


async def converse(request: web.Request, gateway: Gateway) -> web.StreamResponse:
    """Upgrade ``request`` to a WebSocket and serve it to its end.

    Raises:
        web.HTTPBadRequest: not a WebSocket handshake.
    """
    settings = gateway.settings
    socket = web.WebSocketResponse(
        protocols=tuple(PROTOCOLS),
        # aiohttp's compressor and our frames do not mix: each would spoil the other's window.
        compress=False,
        max_msg_size=settings.max_message_bytes,
        decode_text=False,
        # Pings are answered by us: a pong must count as life, and may not overtake a frame of ours.
        autoping=False,
    )
    await socket.prepare(request)
    transport = request.transport
    if transport is None:
        return socket
    closer: asyncio.Task[None] | None = None

    def close(closing: Closing) -> None:
        nonlocal closer
        closer = gateway.spawn(_close(socket, transport, closing))

    connection = Connection(
        client=str(uuid.uuid4()),
        transport=transport,
        encoding=PROTOCOLS[socket.ws_protocol] if socket.ws_protocol else "json",
        counters=gateway.counters,
        close=close,
    )
    limits = Limits(settings.max_symbols_per_connection, settings.max_errors_per_connection)
    session = Session(settings.symbols, limits, connection.encoding)
    with gateway.holding(connection):
        logger.info("client %s connected from %s", connection.client, request.remote)
        welcome = Welcome(client=connection.client, heartbeat_s=settings.heartbeat_s)
        for message in (welcome, gateway.feed.status):
            connection.reply(message_frame(message, connection.encoding))
        try:
            await _read(socket, connection, session, gateway)
            if closer is not None:
                await closer
        finally:
            logger.info("client %s gone: %s", connection.client, _why(socket, connection))
    return socket


async def _read(
    socket: web.WebSocketResponse[bool], connection: Connection, session: Session, gateway: Gateway
) -> None:
    counters = gateway.counters
    expected = _DATA[connection.encoding]
    while True:
        message = await socket.receive()
        connection.heard = True
        if message.type is expected:
            counters.messages_received += 1
            apply(session.receive(message.data), connection, session, gateway)
        elif message.type in _DATA.values():
            counters.messages_received += 1
            apply(session.receive_wrong_frame(), connection, session, gateway)
        elif message.type is WSMsgType.PING:
            connection.pong(message.data)
        elif message.type is not WSMsgType.PONG:
            return


def apply(outcome: Outcome, connection: Connection, session: Session, gateway: Gateway) -> None:
    """Make what ``session`` decided come true: wishes, then replies, then snapshots, then the end."""
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


async def _close(socket: web.WebSocketResponse[bool], transport: asyncio.Transport, closing: Closing) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await socket.close(code=closing.code, message=closing.reason.encode(), drain=False)
    except TimeoutError:
        pass
    finally:
        # Closing waits for the buffer to drain; who does not answer does not read either.
        transport.abort()


_CLOSE_TIMEOUT_S: Final = 5.0


def _why(socket: web.WebSocketResponse[bool], connection: Connection) -> str:
    if connection.abort_reason:
        return f"cut off, {connection.abort_reason}"
    if connection.closing is not None:
        return f"closed with {connection.closing.code}, {connection.closing.reason}"
    error = socket.exception()
    return f"left with {socket.close_code}" + (f" ({error})" if error else "")
