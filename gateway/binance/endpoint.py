"""What the clients of one gateway's streams share, and where they are made."""

import asyncio
import logging

from gateway.admission.upgrade_request import Slot, UpgradeRequest
from gateway.auth.grant import Grant
from gateway.binance.client import StreamClient
from gateway.binance.encoding import Encodings, Writing
from gateway.binance.names import StreamNames
from gateway.binance.session import StreamSession
from gateway.binance.target import Target
from gateway.client.welcome import new_id
from gateway.gateway import Gateway
from gateway.log_events import STREAM_CLIENT_CONNECTED
from gateway.websocket.connection import Connection

logger = logging.getLogger(__name__)


class Endpoint:
    """The streams of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.names = StreamNames(gateway.settings.symbols)
        """The names of all streams."""
        self.clients: dict[StreamClient, None] = {}
        """All clients."""
        self._encodings = Encodings(gateway.now_us, gateway.hub.last_tick)
        gateway.on_change.append(self._changed)

    def session(self, target: Target, grant: Grant, *, deflate: bool = False) -> StreamSession:
        """A session that has no streams yet."""
        most = self._gateway.settings.max_symbols_per_connection
        writing = Writing(target.combined, target.micro)
        return StreamSession(self.names, grant, self._encodings, writing, deflate=deflate, max_symbols=most)

    def begin(
        self,
        transport: asyncio.Transport,
        upgrade_request: UpgradeRequest,
        target: Target,
        grant: Grant,
        slot: Slot,
    ) -> Connection:
        """Accept ``upgrade_request`` on ``transport``. The caller makes the returned connection its protocol.

        The streams of ``target`` are known to be there. ``slot`` is freed when the connection ends, or at once if it
        cannot begin.
        """
        gateway = self._gateway
        try:
            session = self.session(target, grant, deflate=upgrade_request.handshake.deflate)
            snapshots, _ = session.add(target.names)
            client = StreamClient(
                new_id(),
                gateway,
                transport,
                upgrade_request,
                session,
                grant,
                slot,
                gone=self._gone,
            )
        except BaseException:
            gateway.admission.leave(slot)
            raise
        connection = client.connection
        gateway.add(connection)
        self.clients[client] = None
        gateway.stale_holders.add(client)
        logger.debug(STREAM_CLIENT_CONNECTED, connection.client, upgrade_request.address)
        connection.reply(upgrade_request.handshake.head)
        client.begin(snapshots)
        return connection

    def _gone(self, client: StreamClient) -> None:
        self.clients.pop(client, None)

    def _changed(self) -> None:
        symbols = self._gateway.settings.symbols
        if symbols is not self.names.symbols:
            self.names = StreamNames(symbols)
            for client in tuple(self.clients):
                client.serve(self.names)
