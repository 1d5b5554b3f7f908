"""Tickets without a store: there are none, and who asks for one is told why."""

from typing import Final

from market.bus.errors import NoStoreError

NO_TICKETS: Final = "Kafka keeps no tickets; name a Redis for them in STORE_URL"


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
