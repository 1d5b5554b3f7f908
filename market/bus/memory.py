"""The bus within one process: for tests, and for embedding poller and gateway together."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import count

from market.bus.broker import Batch, Message, Receiver, nothing
from market.bus.errors import BusDownError, LeaseLostError
from market.bus.last_values import MAX_TOPIC_BYTES
from market.bus.leadership import Token
from market.bus.orders import MOST_ORDERS, Order, Standing, check_order
from market.bus.partitions import in_partition
from market.bus.presence import MAX_PRESENCE_BYTES, MOST_PRESENT


class MemoryBus:
    """Implements the six roles itself. It delivers at once, in the publisher's own call."""

    name = "memory"

    def __init__(self, partitions: int = 1) -> None:
        """Begin empty, without subscribers. All partitions are in one place and one order."""
        self.partitions = partitions
        self._subscriptions: set[MemorySubscription] = set()
        self._values: dict[str, bytes] = {}
        self._stored: dict[str, tuple[object, asyncio.TimerHandle]] = {}
        """All that expires: tickets, leases, stand-bys, presences and orders, each with the timer that ends it."""
        self._epochs = count(1)
        self._given = 0
        """The orders so far."""

    @property
    def broker(self) -> "MemoryBus":
        """See `market.bus.Bus`."""
        return self

    last_values = tickets = leadership = presence = orders = broker

    async def publish(self, batch: Batch, *, token: Token | None = None) -> None:
        """See `market.bus.Broker.publish`."""
        if token is not None and not self._lasts(token):
            raise LeaseLostError(f"lease {token.lease} is not held")
        self._values.update(batch.updates)
        self._values.update(batch.values)
        messages = [*batch.updates, *batch.events]
        if batch.barrier is not None:
            topic, payload = batch.barrier
            messages += [batch.barrier, *((in_partition(topic, n), payload) for n in range(self.partitions))]
        for subscription in tuple(self._subscriptions):
            subscription.deliver(messages)
        if token is not None and batch.barrier is not None:
            self._store(f"lease.{token.lease}", token, token.ttl_s)

    async def history_partitions(self) -> int:
        """See `market.bus.Broker.history_partitions`. It keeps none."""
        return 0

    async def subscribe(self, topics: Iterable[str], receive: Receiver) -> "MemorySubscription":
        """See `market.bus.Broker.subscribe`."""
        subscription = MemorySubscription(self._subscriptions, frozenset(topics), receive)
        self._subscriptions.add(subscription)
        return subscription

    async def read(self, topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
        """See `market.bus.LastValues.read`."""
        found = {topic: self._values[topic] for topic in topics if topic in self._values}
        return {topic: payload if len(payload) <= max_bytes else b"" for topic, payload in found.items()}

    async def read_all(self, prefix: str, *, max_bytes: int) -> dict[str, bytes]:
        """See `market.bus.LastValues.read_all`."""
        topics = [topic for topic in self._values if len(topic.encode()) <= MAX_TOPIC_BYTES]
        return await self.read([topic for topic in topics if topic.startswith(prefix)], max_bytes=max_bytes)

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.TicketStore.put`."""
        self._store(f"ticket.{key}", value, ttl_s)

    async def take(self, key: str) -> bytes | None:
        """See `market.bus.TicketStore.take`."""
        value = self._remove(f"ticket.{key}")
        return value if isinstance(value, bytes) else None

    async def acquire(self, lease: str, owner: str, ttl_s: float) -> Token | None:
        """See `market.bus.Leadership.acquire`."""
        held, _ = self._stored.get(f"lease.{lease}", (None, None))
        if not isinstance(held, Token):
            held = Token(lease, owner, next(self._epochs), ttl_s)
        elif held.owner != owner:
            return None
        token = held._replace(ttl_s=ttl_s)
        self._store(f"lease.{lease}", token, ttl_s)
        return token

    async def release(self, token: Token) -> None:
        """See `market.bus.Leadership.release`."""
        if self._lasts(token):
            self._remove(f"lease.{token.lease}")

    async def stand_by(self, lease: str, owner: str, ttl_s: float) -> None:
        """See `market.bus.Leadership.stand_by`."""
        self._store(f"standby.{lease}", owner, ttl_s)

    async def take_stand_by(self, lease: str) -> str | None:
        """See `market.bus.Leadership.take_stand_by`."""
        owner = self._remove(f"standby.{lease}")
        return owner if isinstance(owner, str) else None

    async def announce(self, name: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.Presence.announce`."""
        key = f"presence.{name}"
        if key not in self._stored and sum(its.startswith("presence.") for its in self._stored) >= MOST_PRESENT:
            raise BusDownError(f"{MOST_PRESENT} processes are on this bus already")
        self._store(key, value, ttl_s)

    async def withdraw(self, name: str) -> None:
        """See `market.bus.Presence.withdraw`."""
        self._remove(f"presence.{name}")

    async def present(self) -> dict[str, bytes]:
        """See `market.bus.Presence.present`."""
        found = {key: value for key, (value, _) in self._stored.items() if key.startswith("presence.")}
        return {
            key.removeprefix("presence."): value
            for key, value in found.items()
            if isinstance(value, bytes) and len(value) <= MAX_PRESENCE_BYTES
        }

    async def give(self, name: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.Orders.give`."""
        check_order(name, value, ttl_s)
        key = f"order.{name}"
        if key not in self._stored and sum(its.startswith("order.") for its in self._stored) >= MOST_ORDERS:
            raise BusDownError(f"{MOST_ORDERS} orders stand on this bus already")
        self._given += 1
        now_us = self._now_us()
        self._store(key, Order(value, now_us, now_us + int(ttl_s * 1e6)), ttl_s)

    async def standing(self, known: bytes = b"") -> Standing | None:
        """See `market.bus.Orders.standing`."""
        version = b"%d" % self._given
        if version == known:
            return None
        found = {key.removeprefix("order."): value for key, (value, _) in self._stored.items()}
        orders = {name: value for name, value in found.items() if isinstance(value, Order)}
        return Standing(version, self._now_us(), orders)

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`."""
        for subscription in tuple(self._subscriptions):
            subscription.close()
        for key in tuple(self._stored):
            self._remove(key)

    @staticmethod
    def _now_us() -> int:
        return int(asyncio.get_running_loop().time() * 1e6)

    def _lasts(self, token: Token) -> bool:
        held, _ = self._stored.get(f"lease.{token.lease}", (None, None))
        return isinstance(held, Token) and held.epoch == token.epoch

    def _store(self, key: str, value: object, ttl_s: float) -> None:
        self._remove(key)
        self._stored[key] = value, asyncio.get_running_loop().call_later(ttl_s, self._remove, key)

    def _remove(self, key: str) -> object:
        value, timer = self._stored.pop(key, (None, None))
        if timer is not None:
            timer.cancel()
        return value


class MemorySubscription:
    """A subscription to a `MemoryBus`; it is alive until it is closed."""

    interrupted = False

    def __init__(self, all_of_them: set["MemorySubscription"], topics: frozenset[str], receive: Receiver) -> None:
        """Hand messages of ``topics`` to ``receive``; ``all_of_them`` has this one until it is closed."""
        self._all = all_of_them
        self._topics = topics
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.missed, self.on_interrupt = asyncio.Event(), nothing
        self.received_at = self._loop.time()

    def deliver(self, messages: Sequence[Message]) -> None:
        """Hand on the messages of subscribed topics."""
        wanted = [message for message in messages if message[0] in self._topics]
        if wanted and not self.lost.done():
            self.received_at = self._loop.time()
            self._receive(wanted)

    def ping(self) -> None:
        """Do as if the broker had answered: memory is always there."""
        self.received_at = self._loop.time()

    def close(self) -> None:
        """See `market.bus.BusSubscription.close`."""
        self._all.discard(self)
        if not self.lost.done():
            self.lost.set_result("closed")
