"""Tickets, presence and orders without a store: there are none, and who asks for them is told why."""

from typing import Final

from market.bus.errors import NoStoreError
from market.bus.orders import Standing

NO_TICKETS: Final = "Kafka keeps no tickets; name a Redis for them in STORE_URL"

NO_PRESENCE: Final = "Kafka does not know which processes there are; name a Redis for that in STORE_URL"

NO_ORDERS: Final = "Kafka keeps no orders to kick or revoke; name a Redis for them in STORE_URL"


class NoTickets:
    """See `market.bus.TicketStore`."""

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:  # noqa: ARG002 - the contract's
        """See `market.bus.TicketStore.put`.

        Raises:
            NoStoreError: always.
        """
        raise NoStoreError(NO_TICKETS)

    async def take(self, key: str) -> bytes | None:  # noqa: ARG002 - the contract's
        """See `market.bus.TicketStore.take`: nothing was ever put."""
        return None


class NoPresence:
    """See `market.bus.Presence`; every method raises `NoStoreError`."""

    async def announce(self, name: str, value: bytes, ttl_s: float) -> None:  # noqa: ARG002 - the contract's
        """See `market.bus.Presence.announce`."""
        raise NoStoreError(NO_PRESENCE)

    async def withdraw(self, name: str) -> None:  # noqa: ARG002 - the contract's
        """See `market.bus.Presence.withdraw`."""
        raise NoStoreError(NO_PRESENCE)

    async def present(self) -> dict[str, bytes]:
        """See `market.bus.Presence.present`."""
        raise NoStoreError(NO_PRESENCE)


class NoOrders:
    """See `market.bus.Orders`; every method raises `NoStoreError`."""

    async def give(self, name: str, value: bytes, ttl_s: float) -> None:  # noqa: ARG002 - the contract's
        """See `market.bus.Orders.give`."""
        raise NoStoreError(NO_ORDERS)

    async def standing(self, known: bytes = b"") -> Standing | None:  # noqa: ARG002 - the contract's
        """See `market.bus.Orders.standing`."""
        raise NoStoreError(NO_ORDERS)
