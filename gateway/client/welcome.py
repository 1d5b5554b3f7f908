"""The begin of a client: makes its connection and session, and sends the welcome."""

import asyncio
import logging
import os

from gateway.admission.upgrade_request import Slot, UpgradeRequest
from gateway.auth.grant import Grant
from gateway.client.client import Client
from gateway.gateway import Gateway
from gateway.log_events import CLIENT_CONNECTED
from gateway.protocol.messages import Welcome
from gateway.websocket.connection import Connection

logger = logging.getLogger(__name__)


def begin(
    gateway: Gateway, transport: asyncio.Transport, upgrade_request: UpgradeRequest, grant: Grant | None, slot: Slot
) -> Connection:
    """Accept ``upgrade_request`` on ``transport``. The caller makes the returned connection its protocol.

    ``slot`` is freed when the connection ends, or at once if it cannot begin.
    """
    try:
        client = Client(new_id(), gateway, transport, upgrade_request, grant, slot)
    except BaseException:
        gateway.admission.leave(slot)
        raise
    connection = client.connection
    gateway.add(connection)
    gateway.counters.client_reconnects += upgrade_request.again
    logger.debug(CLIENT_CONNECTED, connection.client, upgrade_request.address)
    welcome = Welcome(
        client=connection.client,
        heartbeat_s=gateway.settings.heartbeat_s,
        gateway=gateway.name,
        server_us=gateway.now_us(),
    )
    encoding = connection.encoding
    first = encoding.message_frame(welcome) + encoding.venue_status_frames(gateway.feed.statuses)
    # One write: the answer to the handshake, the welcome and the status of each venue.
    connection.reply(upgrade_request.handshake.head + first)
    return connection


def new_id() -> str:
    """A random UUID (RFC 9562, section 5.4), in a fraction of the standard library's time."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
