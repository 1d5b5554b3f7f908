"""Sends commands to the nodes of a cluster."""

import asyncio
import random
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError

from market.bus.errors import BusDownError
from market.bus.redis.cluster.connection.nodes import Nodes
from market.bus.redis.cluster.connection.routing import Route
from market.bus.redis.cluster.connection.slots import slot_of
from market.bus.redis.cluster.connection.topology import Topology
from market.bus.redis.cluster.connection.url import Address, parse_cluster_url
from market.bus.redis.connection.commands import command, encoded
from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S, FAULTS

T = TypeVar("T")


async def together(*asking: Awaitable[T]) -> list[T]:
    """The answers to several questions. If one fails, its error is raised when the others have been answered too."""
    answers = await asyncio.gather(*asking, return_exceptions=True)
    found = [answer for answer in answers if not isinstance(answer, BaseException)]
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return found


class ClusterClient:
    """Connects to a node when that is first needed."""

    def __init__(self, url: str, *, rng: random.Random | None = None) -> None:
        """Read ``url``, without connecting.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        its = parse_cluster_url(url)
        self.rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self.nodes = Nodes(its)
        self.topology = Topology(self.nodes, its.addresses, self.rng)
        self.name = f"redis cluster {its.place}"

    async def ask(self, key: str, *words: str | bytes | int, repeat: bool = True) -> Any:
        """The answer to a command whose keys all have the slot of ``key``. ``repeat``: it may be carried out twice.

        Raises:
            BusDownError: no answer, or a refusal.
        """
        try:
            return await self.send(slot_of(key.encode()), command(*map(encoded, words)), repeat=repeat)
        except FAULTS as error:
            raise self.down(error) from error

    async def send(self, slot: int, request: bytes, *, repeat: bool = False) -> Any:
        """The answer to an encoded command for ``slot``.

        Raises:
            RedisError, OSError, ValueError: no answer in time, or a refusal.
        """

        async def execute(address: Address, asking: bool) -> Any:
            pipe = await self.nodes.pipes.get(address)
            return await pipe.execute(request, asking=asking)

        route = Route(self.topology, slot, execute, self.rng, repeat=repeat)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await route.run()
        except TimeoutError:
            if route.waits_for is None:
                reason = route.trouble or self.topology.trouble or "no node answered in time"
            else:
                reason = f"{route.waits_for} did not answer in time"
                # Its answers are too late for everybody who waits for them.
                self.nodes.pipes.drop(route.waits_for, reason)
                self.topology.refresh_soon(route.waits_for)
        raise RedisConnectionError(reason)

    def down(self, error: Exception) -> BusDownError:
        """The error to raise after one of `FAULTS`."""
        return BusDownError(str(error) or type(error).__name__)

    async def aclose(self) -> None:
        """Close all connections for commands."""
        await self.topology.aclose()
        await self.nodes.pipes.aclose()
