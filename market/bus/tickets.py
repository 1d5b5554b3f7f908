"""The ticket store: keeps a value for one taker, and is shared by all processes on the bus.

It may lose its data at any time, like everything on a bus: store only what can be made again.
"""

from typing import Protocol


class TicketStore(Protocol):
    """Put once, take once.

    An implementation on a bus that cannot do this, and that was given no other store, raises `BusDownError` from
    `put`, with a message that says how to name a store; `take` finds nothing.
    """

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store ``value`` for ``ttl_s`` seconds (by the store's clock), in place of whatever had this key.

        Raises:
            BusDownError: it may be stored or not.
        """

    async def take(self, key: str) -> bytes | None:
        """Remove what was `put` and return it; None if there is nothing. Of several takers one gets it.

        Raises:
            BusDownError: it may be removed or not.
        """
