"""Last values on Kafka: the compacted topic `last`, and above it the ``ticks`` since it was written.

What was read is kept, so each further question reads only what is new.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from confluent_kafka import Consumer, Message

from market.bus.kafka.connection.client import ANSWER_TIMEOUT_S, KafkaClient
from market.bus.kafka.connection.faults import with_reasons
from market.bus.kafka.connection.reader import LATEST, offsets, read_range
from market.bus.kafka.roles.records import mark_of, topic_of, values_of
from market.bus.last_values import MAX_TOPIC_BYTES

_STALE_MARK_MS: Final = 60_000
"""A publisher whose mark is so much older than the newest has ended; its mark would only make us read much."""


class KafkaLastValues:
    """See `market.bus.LastValues`."""

    def __init__(self, client: KafkaClient) -> None:
        """Read with a consumer of ``client``, from the first question on."""
        self._client = client
        self.until_reached: Callable[[Mapping[int, int]], Awaitable[None]] | None = None
        """Waits until a subscription of this process has handed over what the values are made of."""
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka last values")
        self._consumer: Consumer | None = None
        self._asking = asyncio.Lock()
        self._values: dict[str, bytes] = {}
        self._marks: dict[bytes, tuple[int, tuple[int, ...]]] = {}
        """Publisher → when it wrote its newest mark (ms), and the mark."""
        self._read_to: dict[tuple[str, int], int] = {}
        """How far both topics have been read."""

    async def read(self, topics: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
        """See `market.bus.LastValues.read`."""
        wanted = list(topics)
        if not wanted:
            return {}
        await self._catch_up()
        found = {topic: self._values[topic] for topic in wanted if topic in self._values}
        return {topic: payload if len(payload) <= max_bytes else b"" for topic, payload in found.items()}

    async def read_all(self, prefix: str, *, max_bytes: int) -> dict[str, bytes]:
        """See `market.bus.LastValues.read_all`."""
        await self._catch_up()
        topics = [topic for topic in self._values if topic.startswith(prefix)]
        return {
            topic: payload if len(payload := self._values[topic]) <= max_bytes else b""
            for topic in topics
            if len(topic.encode()) <= MAX_TOPIC_BYTES
        }

    def close(self) -> None:
        """Read no more."""
        self._threads.submit(self._end)
        self._threads.shutdown(wait=False)

    async def _catch_up(self) -> None:
        partitions = await self._client.partitions()
        async with self._asking:
            await self._client.run(lambda: self._read_anyhow(partitions), self._threads, self._client.url.last)
            if self.until_reached is not None:
                ticks = self._client.url.ticks
                await self.until_reached({place[1]: end for place, end in self._read_to.items() if place[0] == ticks})

    def _read_anyhow(self, partitions: int) -> None:
        """Read; the next try has a consumer that knows nothing of old leaders."""
        if self._consumer is None:
            self._consumer = self._client.consumer(**{"enable.partition.eof": True})
        try:
            with with_reasons(self._consumer):
                self._read(self._consumer, partitions)
        except BaseException:
            self._end()
            raise

    def _read(self, consumer: Consumer, partitions: int) -> None:
        url = self._client.url
        last, ticks = (url.last, 0), [(url.ticks, number) for number in range(partitions)]
        ends = offsets(consumer, [last, *ticks], LATEST, ANSWER_TIMEOUT_S)
        if any(end < self._read_to.get(place, 0) for place, end in ends.items()):
            # They are other topics of the same name.
            self._values.clear()
            self._marks.clear()
            self._read_to.clear()
        starts = {last: self._read_to.get(last, 0)}
        read_range(consumer, starts, {last: ends[last]}, self._take_last, patience_s=ANSWER_TIMEOUT_S)
        self._read_to[last] = ends[last]
        marked = self._marked(partitions)
        starts = {place: max(marked[place[1]], self._read_to.get(place, 0)) for place in ticks}
        tail = {place: ends[place] for place in ticks}
        read_range(consumer, starts, tail, self._take_tick, patience_s=ANSWER_TIMEOUT_S)
        self._read_to |= tail

    def _take_last(self, record: Message) -> None:
        mark = mark_of(record)
        if mark is not None:
            self._marks[mark[0]] = record.timestamp()[1], mark[1]
        elif isinstance(value := record.value(), bytes):
            self._values[topic_of(record)] = value

    def _take_tick(self, record: Message) -> None:
        self._values.update(values_of(record))

    def _marked(self, partitions: int) -> list[int]:
        """Of each partition, the offset of ``ticks`` before which everything is in `last`."""
        newest = max((written for written, _ in self._marks.values()), default=0)
        marks = [mark for written, mark in self._marks.values() if newest - written <= _STALE_MARK_MS]
        # Partitions may have been added since.
        return [
            min((mark[number] if number < len(mark) else 0 for mark in marks), default=0)
            for number in range(partitions)
        ]

    def _end(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()
