"""The feed of a bench whose bus is no Redis: the same ticks, published as a poller does it, through our own client.

Run by the bench as ``python -m bench.feed.bus_publisher URL SEED``; commands and answers are those of
`bench.feed.publisher`.
"""

import asyncio
import sys
from typing import Final

from bench.feed.publisher import Publisher
from market.bus import Batch, Bus, BusOptions, Token, has_symbol_channels, open_bus

_LEASE_S: Final = 3_600.0


class BusPublisher(Publisher):
    """Waits for each publish to be confirmed before the next one, as a poller does."""

    def __init__(self, url: str, seed: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._bus, self._token = self._loop.run_until_complete(_begun(url))
        super().__init__(seed, symbol_channels=has_symbol_channels(url))

    def _out(self, batch: Batch) -> None:
        self._loop.run_until_complete(self._bus.broker.publish(batch, token=self._token))


async def _begun(url: str) -> tuple[Bus, Token]:
    bus = open_bus(url, BusOptions(partitions=1))
    token = await bus.leadership.acquire("bench", "bench", _LEASE_S)
    assert token is not None, "somebody else publishes"
    return bus, token


if __name__ == "__main__":
    BusPublisher(sys.argv[1], seed=int(sys.argv[2])).run()
