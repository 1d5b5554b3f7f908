"""The broker on Kafka: one topic, ``ticks``, in which everything is published, and `last` for last values."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Final

from market.bus.broker import Batch, Receiver
from market.bus.errors import LeaseLostError
from market.bus.kafka.connection.client import KafkaClient
from market.bus.kafka.connection.pulse import INTERVAL_MS, Pulse
from market.bus.kafka.connection.subscription import KafkaSubscription
from market.bus.kafka.roles.history import beginning
from market.bus.kafka.roles.leadership import KafkaLeadership
from market.bus.kafka.roles.records import Translator, drafts, last_drafts
from market.bus.kafka.roles.sender import Sender
from market.bus.leadership import Token
from market.process.events import BUS_NOTICE

logger = logging.getLogger(__name__)

_WRITE_LAST_S: Final = 1.0
"""Last values that have changed are written after this, or before the next barrier."""
_GO_ON_S: Final = 60.0
"""A subscription goes on where the last one stood if that has ended no longer ago."""


class KafkaBroker:
    """See `market.bus.Broker`."""

    def __init__(self, client: KafkaClient, leadership: KafkaLeadership, partitions: int, history_bytes: int) -> None:
        """Publish in ``partitions``; hand ``history_bytes`` of what is there to the first subscription."""
        self._client = client
        self._leadership = leadership
        self._history_bytes = history_bytes
        self.partitions = partitions
        self._publishing = asyncio.Lock()
        self._unnamed: Sender | None = None
        """Sends for who has no token."""
        self._changed: dict[str, bytes] = {}
        """Last values that are not in `last` yet."""
        self._last_written_at = 0.0
        self.reader_notice = ""
        """Logged once, when a subscription is made."""
        self._newest: KafkaSubscription | None = None
        """The subscription that was made last."""
        self._topics = frozenset[str]()
        """Its topics."""

    async def publish(self, batch: Batch, *, token: Token | None = None) -> None:
        """See `market.bus.Broker.publish`."""
        if not any(batch):
            return
        async with self._publishing:
            barrier = batch.barrier is not None
            sender = await (self._sender() if token is None else self._leadership.sender_of(token, extend=barrier))
            changed = self._changed | dict(batch.values) | dict(batch.updates)
            now = asyncio.get_running_loop().time()
            writes = barrier or now - self._last_written_at >= _WRITE_LAST_S
            publisher = "" if token is None else token.lease
            # As it is before this batch: what comes behind it is read from ``ticks``.
            last = list(last_drafts(changed, publisher, sender.positions)) if writes else []
            try:
                await sender.send(drafts(batch, self.partitions), last, end_transaction=barrier)
            except LeaseLostError:
                assert token is not None, "only leaders are fenced"
                self._leadership.lost(token)
                raise LeaseLostError(f"lease {token.lease} is not held") from None
            if writes:
                self._changed, self._last_written_at = {}, now
            else:
                self._changed = changed

    async def history_partitions(self) -> int:
        """See `market.bus.Broker.history_partitions`."""
        return await self._client.partitions()

    async def subscribe(self, topics: Iterable[str], receive: Receiver) -> KafkaSubscription:
        """See `market.bus.Broker.subscribe`."""
        partitions = await self._client.partitions()
        wanted = frozenset(topics)
        translator = Translator(wanted, partitions)
        pulse = Pulse()
        consumer = self._client.consumer(
            **{"stats_cb": pulse, "statistics.interval.ms": INTERVAL_MS, "enable.partition.eof": True}
        )
        try:
            stood, url = self._stood(), self._client.url
            # What the last one has received need not come again.
            size = 0 if stood and wanted <= self._topics else self._history_bytes
            starts, ends = await self._client.run(
                lambda: beginning(consumer, url.ticks, translator.partitions, stood, size)
            )
            subscription = KafkaSubscription(self._client, consumer, starts, ends, pulse, translator, receive)
            if self.reader_notice:
                logger.info(BUS_NOTICE, self.reader_notice)
                self.reader_notice = ""
        except BaseException:
            self._client.close_consumer(consumer)
            raise
        try:
            # Last values that are read after this must not be newer than what this still hands over.
            await subscription.caught_up()
        except BaseException:
            if not subscription.lost.done():
                # It was too much for this machine, or for the way to the brokers: the next try asks for less.
                self._history_bytes //= 4
            subscription.close()
            raise
        self._newest, self._topics = subscription, wanted
        return subscription

    async def until_reached(self, ends: Mapping[int, int]) -> None:
        """Wait until our subscription, if there is one, has handed over what is before ``ends`` of ``ticks``."""
        if self._newest is not None:
            await self._newest.until_reached(ends)

    def close(self) -> None:
        """Publish no more."""
        if self._unnamed is not None:
            self._unnamed.close()

    def _stood(self) -> dict[int, int]:
        newest = self._newest
        if newest is None or newest.idle_s() > _GO_ON_S:
            return {}
        return dict(newest.positions)

    async def _sender(self) -> Sender:
        if self._unnamed is None or self._unnamed.broken:
            if self._unnamed is not None:
                self._unnamed.close()
            await self._client.ensure_topics(self.partitions)
            self._unnamed = Sender(self._client, self.partitions)
            await self._unnamed.begin()
        return self._unnamed
