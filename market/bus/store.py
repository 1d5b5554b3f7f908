"""The store: what a bus that can only carry messages needs beside it, for leases, tickets, orders and presence.

``STORE_URL`` names it: a Redis, of any kind that is a bus as well.
"""

from typing import Final, Protocol

from market.bus.broker import Broker
from market.bus.leadership import Leadership
from market.bus.orders import Orders
from market.bus.presence import Presence
from market.bus.tickets import TicketStore

LEASE_CHECKED: Final = "lease.checked"
"""What the store is sent to have it compare a token; nobody listens."""


class Store(Protocol):
    """A bus of which only these roles are used."""

    @property
    def name(self) -> str:
        """Its place for logs, without secrets."""

    @property
    def broker(self) -> Broker:
        """Compares a token with its lease, and extends that, in one step."""

    @property
    def leadership(self) -> Leadership:
        """One leader for each lease."""

    @property
    def tickets(self) -> TicketStore:
        """Put once, take once."""

    @property
    def presence(self) -> Presence:
        """Who is there."""

    @property
    def orders(self) -> Orders:
        """What operators tell all gateways."""

    async def aclose(self) -> None:
        """Close all connections."""
