"""A subscription to a cluster: one link to each node that has a partition, and every partition on one of them.

A partition is *interrupted* when its node gives its slot away, or the link to its node is lost. It is then looked for
and subscribed again by itself, while all others go on. Messages may have been missed meanwhile: `missed` tells, and the
subscriber reads the last values again. The whole subscription is lost only when its subscriber says so: while nothing
comes at all, `received_at` stands still.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from market.bus.broker import Message, Receiver, nothing
from market.bus.redis.cluster.connection.client import ClusterClient
from market.bus.redis.cluster.connection.one_per_node import OnePerNode
from market.bus.redis.cluster.connection.routing import Route
from market.bus.redis.cluster.connection.slots import slot_of
from market.bus.redis.cluster.connection.url import Address
from market.bus.redis.cluster.subscription.node_link import NodeLink
from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S
from market.process.events import PARTITION_SOUGHT
from market.process.tasks import end

logger = logging.getLogger(__name__)

_MOMENT_S: Final = 0.5
"""A shorter interruption is not told. A heartbeat may be as late."""
_TRY_S: Final = 1.0
"""For a node to take a subscription, before another is looked for."""
_CHECK_S: Final = (4.0, 8.0)
"""Between two checks that every partition is read where the nodes say that it is."""


class _Seat:
    """One partition, and where it is read."""

    def __init__(self, slot: int, channels: Mapping[bytes, str]) -> None:
        self.slot = slot
        self.channels = channels
        self.link: NodeLink | None = None
        """The link that brings its messages; None while it is interrupted."""
        self.interrupted_at = 0.0
        """When it was interrupted, in the event loop's time."""
        self.placing: asyncio.Task[None] | None = None


class ClusterSubscription:
    """See `market.bus.BusSubscription`."""

    def __init__(self, client: ClusterClient, channels: Mapping[str, Mapping[bytes, str]], receive: Receiver) -> None:
        """Read ``channels``: by the key of each partition its channels, each with its topic."""
        self._client = client
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._seats = [_Seat(slot_of(key.encode()), its) for key, its in channels.items()]
        self._links = OnePerNode(self._open_link)
        self._check_at = self._loop.time() + client.rng.uniform(*_CHECK_S)
        self._checking: asyncio.Task[None] | None = None
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.received_at = self._loop.time()
        self.missed = asyncio.Event()
        self.on_interrupt: Callable[[], None] = nothing
        self._opened = False

    @property
    def interrupted(self) -> bool:
        """See `market.bus.BusSubscription.interrupted`; a slot that just moves is no interruption."""
        late = self._loop.time() - _MOMENT_S
        return any(seat.link is None and seat.interrupted_at <= late for seat in self._seats)

    async def open(self) -> None:
        """Subscribe in every partition.

        Raises:
            RedisError, OSError, ValueError: some partition could not be subscribed to.
        """
        routes = {seat: self._route(seat) for seat in self._seats}
        placing = [asyncio.ensure_future(self._place(seat, route)) for seat, route in routes.items()]
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await asyncio.gather(*placing)
        except TimeoutError:
            troubles = [route.trouble for seat, route in routes.items() if seat.link is None and route.trouble]
            raise RedisConnectionError(troubles[0] if troubles else "no node answered in time") from None
        finally:
            # Where one is refused, the others would go on, and connect again.
            await end(*placing)
        if self.lost.done():
            raise RedisConnectionError(self.lost.result())
        if not all(seat.link for seat in self._seats):
            # Nobody could be told yet.
            raise RedisConnectionError("a partition was lost again before all were there")
        self._opened = True

    def ping(self) -> None:
        """See `market.bus.BusSubscription.ping`."""
        if self.lost.done():
            return
        for link in self._links.alive():
            link.ping()
        if self._loop.time() >= self._check_at and self._checking is None:
            self._check_at = self._loop.time() + self._client.rng.uniform(*_CHECK_S)
            self._checking = self._loop.create_task(self._check())

    def close(self) -> None:
        """See `market.bus.BusSubscription.close`."""
        self._lose("closed")

    def _lose(self, reason: str) -> None:
        self._receive = _nobody_receives
        if not self.lost.done():
            self.lost.set_result(reason)
        tasks = [seat.placing for seat in self._seats]
        for task in (*tasks, self._checking):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._links.close()

    async def _open_link(self, address: Address) -> NodeLink:
        connection = await self._client.nodes.dial(address)
        return NodeLink(connection, address, self._received, self._unsubscribed, self._link_lost)

    def _route(self, seat: _Seat) -> Route[NodeLink]:
        async def subscribe(address: Address, _: bool) -> NodeLink:
            if self.lost.done():
                # The cancellation got lost, as it may (`market.process.tasks`).
                raise asyncio.CancelledError
            async with asyncio.timeout(_TRY_S):
                link = await self._links.get(address)
                await link.subscribe(seat.channels)
            return link

        return Route(self._client.topology, seat.slot, subscribe, self._client.rng, repeat=True)

    async def _place(self, seat: _Seat, route: Route[NodeLink]) -> None:
        """Read a partition at the node that has it."""
        link = await route.run()
        while not link.reads(seat.channels):
            # It was lost again, or the slot was given away, as soon as it was there.
            link = await route.run()
        seat.link = link

    async def _place_again(self, seat: _Seat) -> None:
        try:
            while seat.link is None:
                await self._place(seat, self._route(seat))
                self.missed.set()
        except ResponseError as refusal:
            self._lose(f"the bus refused: {refusal}")
        finally:
            seat.placing = None

    def _interrupt(self, seat: _Seat, reason: str) -> None:
        seat.link, seat.interrupted_at = None, self._loop.time()
        if not self._opened or self.lost.done():
            return
        self.on_interrupt()
        if seat.placing is None:
            logger.info(PARTITION_SOUGHT, self._client.name, reason)
            seat.placing = self._loop.create_task(self._place_again(seat))

    async def _check(self) -> None:
        """Find partitions whose node does not know that it has lost them."""
        try:
            await self._client.topology.refresh()
            for seat in self._seats:
                owner = self._client.topology.owner(seat.slot)
                if seat.link is not None and owner not in {seat.link.address, None}:
                    # Left before the new one is there: of two at once nobody could say what is missing.
                    seat.link.ignore(seat.channels)
                    self._interrupt(seat, f"{seat.link.address} does not know that it has lost its slot")
            used = frozenset(seat.link.address for seat in self._seats if seat.link is not None)
            if not any(seat.placing for seat in self._seats):
                self._links.keep(used)
        finally:
            self._checking = None

    def _received(self, batch: list[Message]) -> None:
        self.received_at = self._loop.time()
        if batch:
            self._receive(batch)

    def _unsubscribed(self, link: NodeLink, channel: bytes) -> None:
        for seat in self._seats:
            if channel in seat.channels and seat.link is link:
                link.ignore(seat.channels)
                self._interrupt(seat, f"{link.address} has given its slot away")

    def _link_lost(self, link: NodeLink, reason: str) -> None:
        for seat in self._seats:
            if seat.link is link:
                self._interrupt(seat, reason)


def _nobody_receives(batch: Sequence[Message]) -> None:
    """Stands in for the receiver of a subscription that has ended."""
