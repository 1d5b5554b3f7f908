"""Sends commands to the nodes of a cluster."""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from market.bus.errors import BusDownError
from market.bus.redis.cluster.connection.nodes import Nodes
from market.bus.redis.cluster.connection.routing import Route, is_followed
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
                reason = self._give_up(route.waits_for)
        raise RedisConnectionError(reason)

    async def send_all(self, requests: Sequence[tuple[int, bytes]]) -> list[Any]:
        """Of each slot and command the answer, or the error. They are carried out side by side, none of them twice."""
        outcomes: list[Any] = [None] * len(requests)
        waiting: dict[int, tuple[Address, asyncio.Future[Any]]] = {}
        for at, (slot, request) in enumerate(requests):
            address = self.topology.owner(slot)
            pipe = self.nodes.pipes.present(address)
            if address is not None and pipe is not None:
                waiting[at] = address, pipe.start(request)
        # No task and no deadline for each: this runs for every publish.
        if waiting:
            await asyncio.wait([answering for _, answering in waiting.values()], timeout=ANSWER_TIMEOUT_S)
        others = [at for at in range(len(requests)) if at not in waiting]
        for at, (address, answering) in waiting.items():
            if not answering.done():
                outcomes[at] = RedisConnectionError(self._give_up(address))
                continue
            answer = answering.exception() or answering.result()
            if not isinstance(answer, hiredis.ReplyError):
                outcomes[at] = answer
            elif is_followed(str(answer)):
                others.append(at)
            else:
                outcomes[at] = ResponseError(str(answer))
        found = await asyncio.gather(*(self.send(*requests[at]) for at in others), return_exceptions=True)
        for at, outcome in zip(others, found, strict=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, FAULTS):
                raise outcome
            outcomes[at] = outcome
        return outcomes

    def _give_up(self, address: Address) -> str:
        """Close the connection to a node that does not answer; return the reason."""
        reason = f"{address} did not answer in time"
        # Its answers are too late for everybody who waits for them.
        self.nodes.pipes.drop(address, reason)
        self.topology.refresh_soon(address)
        return reason

    def down(self, error: Exception) -> BusDownError:
        """The error to raise after one of `FAULTS`."""
        return BusDownError(str(error) or type(error).__name__)

    async def aclose(self) -> None:
        """Close all connections for commands."""
        await self.topology.aclose()
        await self.nodes.pipes.aclose()
