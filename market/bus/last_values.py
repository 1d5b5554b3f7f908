"""Last values: the newest payload of each topic, for subscribers that come later.

`market.bus.broker.Broker.publish` writes them, so this role only reads. They may be lost at any time, like everything
on a bus: a new leader publishes every topic again.
"""

from collections.abc import Iterable
from typing import Final, Protocol

MAX_TOPIC_BYTES: Final = 128
"""Bytes of a topic in UTF-8. `LastValues.read_all` leaves out longer ones: no publisher of ours wrote them."""


class LastValues(Protocol):
    """Read the newest payload of topics. Payloads are not checked."""

    async def read(self, topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
        """Topic → newest payload, of those of ``topics`` that have one.

        A payload longer than ``max_bytes`` is not fetched, and is empty in the answer.

        Raises:
            BusDownError: the bus did not answer.
        """

    async def read_all(self, prefix: str, *, max_bytes: int) -> dict[str, bytes]:
        """Do the same for every topic that begins with ``prefix``.

        ``prefix`` ends with the first dot of the topics or goes beyond it: ``ticker.``, or ``ticker.kraken:``. An
        implementation may store topics separately by the part before that dot.

        Raises:
            BusDownError: the bus did not answer.
        """
