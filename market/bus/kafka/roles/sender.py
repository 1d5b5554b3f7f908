"""One producer: sends records, waits until the brokers have them, and keeps other producers of its name out.

**Fencing.** A leader's producer has a transactional id, one for each lease. When the next leader's producer begins, the
brokers end the transaction of the earlier one, and refuse whatever it still sends or has on the way. So a delayed batch
of an earlier leader is refused by the partition that it is for. Transactions serve for nothing else: readers read
uncommitted records, and a transaction is as long as the time between two barriers, so it delays nothing.

Everything here blocks. A sender has one thread, in which all of it runs.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from market.bus.errors import LeaseLostError
from market.bus.kafka.connection.client import ANSWER_TIMEOUT_S, KafkaClient
from market.bus.kafka.connection.faults import FENCED, with_reasons
from market.bus.kafka.connection.reader import LATEST, offsets
from market.bus.kafka.roles.records import Draft

_FIRST_S: Final = 10.0
"""The brokers' first transaction may wait for so long."""
_LONGEST_S: Final = 10.0
"""A transaction that no barrier ends is ended after this: the brokers end those of frozen producers."""


class Sender:
    """Sends under one name, or without one."""

    def __init__(self, client: KafkaClient, partitions: int, transactional_id: str | None = None) -> None:
        """Nothing is connected before `begin`."""
        self._client = client
        self._count = partitions
        self._name = transactional_id
        self._producer: Producer | None = None
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka sender")
        self._began_at: float | None = None
        """When the open transaction began."""
        self.positions = [0] * partitions
        """Of each partition of ``ticks`` the offset behind what was there when this began, and behind what was sent."""
        self._fenced = False
        self.broken = False
        """Whether something has failed. What is still on the way is refused once another sender has begun."""

    async def begin(self) -> None:
        """Connect. From the return of this on nothing is taken from an earlier sender of this name.

        Raises:
            BusDownError: no answer.
        """
        await self._run(self._begin)

    async def send(self, ticks: Iterable[Draft], last: Iterable[Draft], *, end_transaction: bool) -> None:
        """Write records into both topics; return when the brokers have them.

        Raises:
            BusDownError: some or none of them may be there.
            LeaseLostError: another sender of this name has begun.
        """
        await self._run(lambda: self._send(ticks, last, end_transaction=end_transaction))

    def close(self) -> None:
        """Send no more, and end the transaction."""
        self._threads.submit(self._end)
        self._threads.shutdown(wait=False)

    async def _run(self, work: Callable[[], None]) -> None:
        try:
            await self._client.run(work, self._threads, self._client.url.ticks)
        except BaseException:
            self.broken = True
            raise

    def _begin(self) -> None:
        self._producer = producer = self._client.producer(self._told, self._name)
        # The first question makes the connection. Without one librdkafka would wait for half a second.
        with with_reasons(producer):
            producer.list_topics(self._client.url.ticks, timeout=ANSWER_TIMEOUT_S)
            if self._name is not None:
                _init(producer)
        consumer = self._client.consumer()
        try:
            places = [(self._client.url.ticks, number) for number in range(self._count)]
            found = offsets(consumer, places, LATEST, ANSWER_TIMEOUT_S)
        finally:
            consumer.close()
        self.positions = [found[place] for place in places]

    def _send(self, ticks: Iterable[Draft], last: Iterable[Draft], *, end_transaction: bool) -> None:
        until = time.monotonic() + ANSWER_TIMEOUT_S
        producer = self._producer
        assert producer is not None, "not begun"
        answers = _Answers(self._client.url.ticks, self.positions)
        try:
            self._renew_transaction(producer, end_transaction, until)
            for topic, drafts in ((self._client.url.ticks, ticks), (self._client.url.last, last)):
                for draft in drafts:
                    answers.waiting += 1
                    _produce(producer, topic, draft, answers.take, until)
            while answers.waiting and time.monotonic() < until:
                producer.poll(0.05)
            answers.require()
        except KafkaException as failure:
            if self._fenced or failure.args[0].code() in FENCED:
                self._fenced = True
                raise LeaseLostError("another producer has the lease") from None
            raise

    def _told(self, error: KafkaError) -> None:
        # Later errors only say that there was this one.
        self._fenced = self._fenced or error.code() in FENCED

    def _renew_transaction(self, producer: Producer, end: bool, until: float) -> None:
        if self._name is None:
            return
        now = time.monotonic()
        if self._began_at is not None and (end or now - self._began_at > _LONGEST_S):
            producer.commit_transaction(max(0.01, until - now))
            self._began_at = None
        if self._began_at is None:
            producer.begin_transaction()
            self._began_at = now

    def _end(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            if self._began_at is not None and not self.broken:
                producer.commit_transaction(ANSWER_TIMEOUT_S)
            producer.purge(in_queue=True, in_flight=True, blocking=False)
            producer.flush(0.1)
        except KafkaException:
            # Fenced, or no broker: there is nothing to end.
            pass


def _init(producer: Producer) -> None:
    until = time.monotonic() + _FIRST_S
    while True:
        try:
            producer.init_transactions(ANSWER_TIMEOUT_S)
        except KafkaException as failure:
            # So it is while the brokers make the topic in which they keep transactions.
            if not failure.args[0].retriable() or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


class _Answers:
    """Counts the brokers' answers to one call."""

    def __init__(self, topic: str, positions: list[int]) -> None:
        self.waiting = 0
        self.error: KafkaError | None = None
        self._topic = topic
        self._positions = positions

    def require(self) -> None:
        """See that all have come, and each says that its record is there.

        Raises:
            KafkaException: that is not so.
        """
        if self.error is None and self.waiting:
            self.error = KafkaError(KafkaError._TIMED_OUT)
        if self.error is not None:
            raise KafkaException(self.error)

    def take(self, error: KafkaError | None, record: Message) -> None:
        """Take one of them (called by librdkafka from `poll`)."""
        self.waiting -= 1
        if error is not None:
            self.error = self.error or error
        elif record.topic() == self._topic:
            number = record.partition() or 0
            self._positions[number] = max(self._positions[number], (record.offset() or 0) + 1)


def _produce(
    producer: Producer,
    topic: str,
    draft: Draft,
    answered: Callable[[KafkaError | None, Message], None],
    until: float,
) -> None:
    while True:
        try:
            producer.produce(
                topic, draft.value, draft.key, partition=draft.partition, on_delivery=answered, headers=draft.headers
            )
        except BufferError:
            # librdkafka holds a hundred thousand; answers make room.
            if time.monotonic() > until:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
            producer.poll(0.01)
        else:
            return
