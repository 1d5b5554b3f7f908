"""The six roles on Kafka: messages and last values on its topics, the other four in the store."""

import logging

from market.bus.kafka.connection.client import KafkaClient
from market.bus.kafka.roles.broker import KafkaBroker
from market.bus.kafka.roles.last_values import KafkaLastValues
from market.bus.kafka.roles.leadership import KafkaLeadership
from market.bus.kafka.roles.tickets import NoOrders, NoPresence, NoTickets
from market.bus.memory import MemoryBus
from market.bus.orders import Orders
from market.bus.presence import Presence
from market.bus.store import Store
from market.bus.tickets import TicketStore

logger = logging.getLogger(__name__)


class KafkaBus:
    """See `market.bus.Bus`."""

    def __init__(self, url: str, *, partitions: int = 1, history_bytes: int = 0, store: Store | None = None) -> None:
        """Read ``url``, without connecting. ``store`` has leases and tickets; without one this process is alone.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        self._client = KafkaClient(url)
        self._store = store
        self.name = self._client.name
        self.leadership = KafkaLeadership(self._client, store or MemoryBus(), partitions, shared=store is not None)
        self.broker = KafkaBroker(self._client, self.leadership, partitions, history_bytes)
        self.last_values = KafkaLastValues(self._client)
        self.last_values.until_reached = self.broker.until_reached
        self.tickets: TicketStore = NoTickets() if store is None else store.tickets
        self.presence: Presence = NoPresence() if store is None else store.presence
        self.orders: Orders = NoOrders() if store is None else store.orders
        self.broker.reader_notice = "" if store is not None else "no STORE_URL: there are no tickets"

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`."""
        self.leadership.close()
        self.broker.close()
        self.last_values.close()
        await self._client.aclose()
        if self._store is not None:
            await self._store.aclose()
