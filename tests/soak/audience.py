"""All steady clients of all gateways, and whether they hold the newest that there is on the bus."""

import asyncio
import time
from collections.abc import Collection, Sequence

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.soak.endpoints import Bearer, Endpoint
from tests.soak.steady import PROFILES, Steady

_LOOK_S = 0.2


class Audience:
    """One steady client of each profile at every endpoint."""

    def __init__(self, endpoints: Sequence[Endpoint], symbols: Sequence[str], bearer: Bearer, bus: Redis) -> None:
        """Nobody is connected before `come`; ``bus`` tells what is newest."""
        self._symbols = frozenset(symbols)
        self._bus = bus
        self._clients = [Steady(endpoint, profile, symbols, bearer) for endpoint in endpoints for profile in PROFILES]
        self._tasks: list[asyncio.Task[None]] = []
        self._lacking: list[str] = []

    def __len__(self) -> int:
        return len(self._clients)

    async def come(self, within_s: float) -> None:
        """Let everybody in, and wait until all are served; see `until_current`."""
        self.disturb()
        self._tasks = [asyncio.create_task(client.run()) for client in self._clients]
        await self.until_current("the start", within_s)

    async def go(self) -> None:
        """Let everybody leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def disturb(self) -> None:
        """Something happens: until they are current again, ticks may be lost on the way."""
        for client in self._clients:
            client.ledger.exact = False

    def excuse(self, ports: Collection[int]) -> None:
        """Who listens on ``ports`` is about to end: until they are current again, its clients may lose it."""
        for client in self._clients:
            client.excused = client.endpoint.port in ports

    async def until_current(self, since: str, within_s: float) -> None:
        """Wait until all hear that prices are live, and hold the newest of every symbol, made after now.

        Where that takes longer than ``within_s``, it is among what was `wrong`, ``since`` whatever happened.
        """
        since_us = time.time_ns() // 1000
        behind = ["the bus has no new prices"]
        try:
            async with asyncio.timeout(within_s):
                newest = await self._newest(since_us)
                while behind := self._behind(newest):  # noqa: ASYNC110 # prices and statuses set no event
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            self._lacking.append(f"not current within {within_s:g} s of {since}: {'; '.join(behind[:5])}")
        for client in self._clients:
            client.excused = False
            client.ledger.exact = client.every_tick

    @property
    def prices(self) -> int:
        """How many they have looked at."""
        return sum(client.ledger.prices for client in self._clients)

    @property
    def wrong(self) -> list[str]:
        """What they complain of."""
        found = list(self._lacking)
        for client in self._clients:
            found += [f"a steady client at {client.endpoint}: {fault}" for fault in client.ledger.wrong]
            found += [f"a steady client at {client.endpoint} was thrown out: {loss}" for loss in client.losses]
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                found.append(f"a steady client failed with {error!r}")
        return found

    async def _newest(self, since_us: int) -> dict[str, int]:
        """The seq of every symbol on the bus, as soon as all of them are of a later time."""
        while True:
            try:
                values = await self._bus.hgetall("ticks")
            except (RedisError, OSError):
                values = {}
            ticks = [orjson.loads(payload) for payload in values.values()]
            fresh = {tick["symbol"]: tick["seq"] for tick in ticks if tick["recv_us"] >= since_us}
            if fresh.keys() >= self._symbols:
                return fresh
            await asyncio.sleep(_LOOK_S)

    def _behind(self, newest: dict[str, int]) -> list[str]:
        return [
            f"{client.endpoint} {'lacks ' + ', '.join(lacking) if lacking else 'is stale'}"
            for client in self._clients
            if (lacking := client.lacks(newest)) or not client.live
        ]
