"""Does something at the node that has a slot, and follows the slot when it moves.

A node that refuses a command carries none of it out, so it can be sent again: to the node that `MOVED` or `ASK` names,
or after a moment when the cluster has recovered. A command whose answer was lost may have been carried out. It is sent
again only if doing it twice is the same as doing it once.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from market.bus.redis.cluster.connection.pipe import UnansweredError
from market.bus.redis.cluster.connection.topology import Topology
from market.bus.redis.cluster.connection.url import Address
from market.bus.redis.connection.dial import FAULTS

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.5
"""Before the next try at a cluster that has to recover first, give or take a half."""
_PASSING: Final = frozenset({"TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "BUSY"})
"""Refusals that end by themselves: while a slot moves, or a replica takes over, or a server starts."""

T = TypeVar("T")


def is_followed(refusal: str) -> bool:
    """Whether a `Route` does something about a refusal, which says that nothing was carried out."""
    code = refusal.partition(" ")[0]
    return code in {"MOVED", "ASK"} or code in _PASSING


class Route(Generic[T]):
    """One action on its way to the right node."""

    def __init__(
        self,
        topology: Topology,
        slot: int,
        action: Callable[[Address, bool], Awaitable[T]],
        rng: random.Random,
        *,
        repeat: bool,
    ) -> None:
        """``action`` gets a node, and whether ``slot`` is only about to move there. ``repeat``: it may be done twice.

        It raises `ResponseError` if the node refuses, and other errors of `FAULTS` if it cannot be reached.
        """
        self._topology = topology
        self._slot = slot
        self._action = action
        self._rng = rng
        self._repeat = repeat
        self._asking: Address | None = None
        """The node that the slot is about to move to, if that has the key already."""
        self._redirected = 0
        self._pause_s = _FIRST_PAUSE_S
        self.waits_for: Address | None = None
        """The node whose answer is missing."""
        self.trouble = ""
        """What was wrong at the last try."""

    async def run(self) -> T:
        """Try until there is an answer, or a refusal that will not pass.

        Raises:
            ResponseError: that refusal.
            UnansweredError: the answer was lost, and the action must not be repeated.
            RedisConnectionError: no node of the cluster has ever answered.
        """
        while True:
            asking, self._asking = self._asking, None
            address = asking or self._topology.owner(self._slot)
            if address is None:
                await self._topology.refresh()
                if self._topology.owner(self._slot) is None:
                    self.trouble = self._topology.trouble or "no node of the cluster has the slot of this partition"
                    if not self._topology.has_answered:
                        # Whoever wants it tries again, and says so.
                        raise RedisConnectionError(self.trouble)
                    await self._pause()
                continue
            self.waits_for = address
            try:
                answer = await self._action(address, asking is not None)
            except ResponseError as refusal:
                self.waits_for = None
                await self._refused(address, refusal)
            except FAULTS as error:
                self.waits_for = None
                if isinstance(error, UnansweredError) and not self._repeat:
                    raise
                self.trouble = str(error)
                await self._topology.refresh(address)
                await self._pause()
            else:
                return answer

    async def _refused(self, address: Address, refusal: ResponseError) -> None:
        code, _, rest = str(refusal).partition(" ")
        if code in {"MOVED", "ASK"}:
            to = _address(rest, address)
            if code == "ASK":
                self._asking = to
            else:
                self._topology.moved(self._slot, to)
            self._redirected += 1
            if self._redirected > 1:
                # Two nodes may each take the other for the owner, until they have heard of the third.
                await self._pause()
        elif code in _PASSING:
            self.trouble = str(refusal)
            await self._topology.refresh()
            await self._pause()
        else:
            raise refusal

    async def _pause(self) -> None:
        await asyncio.sleep(self._pause_s * self._rng.uniform(0.5, 1.5))
        self._pause_s = min(_LONGEST_PAUSE_S, 1.5 * self._pause_s)


def _address(rest: str, asked: Address) -> Address:
    """The node in ``<slot> <host>:<port>``; an empty host is that of the node that says so."""
    host, _, port = rest.rpartition(" ")[2].rpartition(":")
    return Address(host.strip("[]") or asked.host, int(port))
