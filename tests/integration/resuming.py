"""Clients that must have every tick: they connect again after any end, and say what they have."""

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.client import Client, Message, open_client
from tests.integration.recorder import assert_every_tick
from tests.integration.stacks import eventually

SYMBOLS = tuple(f"S{number}USDT" for number in range(20))
_BACKOFF_S = (0.05, 0.5)


class Resuming:
    """A client that connects again after any end, and names the last tick that it has of each symbol."""

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = options
        self.connections: list[Client] = []
        self.away_s: list[float] = []
        """From the end of each connection to the first tick over the next one."""

    @property
    def prices(self) -> dict[str, list[Message]]:
        """Everything that came of each symbol, over all connections."""
        return {
            symbol: list(itertools.chain.from_iterable(client.prices[symbol] for client in self.connections))
            for symbol in SYMBOLS
        }

    @property
    def least(self) -> int:
        """How many ticks it has of that symbol of which it has fewest."""
        return min(sum(len(client.prices[symbol]) for client in self.connections) for symbol in SYMBOLS)

    @property
    def gaps(self) -> int:
        return sum(client.count("gap") for client in self.connections)

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        ended_at = 0.0
        while True:
            try:
                client = await open_client(self._url)
            except (OSError, TimeoutError):
                await asyncio.sleep(random.uniform(*_BACKOFF_S))
                continue
            since = {symbol: prices[-1]["seq"] for symbol, prices in self.prices.items() if prices}
            self.connections.append(client)
            subscribe = {"type": "subscribe", "symbols": list(SYMBOLS), "conflate": False, **self._options}
            try:
                await client.send(subscribe | ({"since": since} if since else {}))
                await client.until(lambda client: bool(client.prices))
                if since:
                    self.away_s.append(clock() - ended_at)
                await client.until_closed(within_s=1_000)
            finally:
                await client.close()
                ended_at = clock()
            await asyncio.sleep(random.uniform(*_BACKOFF_S))


async def until_each_has(clients: Sequence[Resuming], ticks: int) -> None:
    """Wait until each client has more than so many of each symbol, so that there is something to check."""

    async def they_have() -> bool:
        return all(client.least > ticks for client in clients)

    await eventually(they_have, within_s=60)


def assert_has_all(client: Resuming, published: Mapping[str, Sequence[int]]) -> None:
    """Check that it has every tick of the bus from its first one on, once and in order."""
    for symbol, prices in client.prices.items():
        seqs = [price["seq"] for price in prices]
        assert_every_tick(f"{symbol} over {len(client.connections)} connections", seqs, published[symbol])
        # None where it came before the first price; another one would hide what lies between.
        assert sum(price.get("type") == "snapshot" for price in prices) <= 1
