"""Presence: which processes are on the bus at present, each with a value that it renews.

It is for people who operate a deployment. Nothing depends on it, and it may lose its data at any time.
"""

from typing import Final, Protocol

MOST_PRESENT: Final = 1_000
"""Names at once. A bus keeps no more, whoever announces himself."""
MAX_PRESENCE_BYTES: Final = 4_096
"""The longest value that is given out."""


class Presence(Protocol):
    """Announce a name with a value for some seconds; ask who is there.

    An implementation on a bus that cannot do this, and that was given no other store, raises `NoStoreError`.
    """

    async def announce(self, name: str, value: bytes, ttl_s: float) -> None:
        """Keep ``value`` under ``name`` for ``ttl_s`` seconds (by the bus's clock), in place of an earlier one.

        Raises:
            BusDownError: it may be kept or not; or there are `MOST_PRESENT` others.
        """

    async def withdraw(self, name: str) -> None:
        """Forget ``name`` at once.

        Raises:
            BusDownError: it may be forgotten or not; it runs out by itself.
        """

    async def present(self) -> dict[str, bytes]:
        """Name → value, of all that have not run out; without values that are longer than `MAX_PRESENCE_BYTES`.

        Raises:
            BusDownError: the bus did not answer.
        """
