"""Reads a range of records: up to where the topics end now. All of it blocks, and runs in one thread."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from market.bus.kafka.connection.faults import GONE

Place = tuple[str, int]
"""A topic of Kafka and a partition of it."""

LATEST: Final = -1
EARLIEST: Final = -2
_AT_ONCE: Final = 1_000
_AGAIN_S: Final = 0.02
_MOVING: Final = frozenset(
    (
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.REPLICA_NOT_AVAILABLE,
    )
)
"""Errors of a partition that has another leader soon."""


def offsets(consumer: Consumer, places: list[Place], which: int, timeout_s: float) -> dict[Place, int]:
    """The offset behind the newest record of each place (`LATEST`), or that of the oldest (`EARLIEST`).

    Every partition's leader is asked.

    Raises:
        KafkaException: one did not answer in time.
    """
    until = time.monotonic() + timeout_s
    while True:
        try:
            return _offsets(consumer, places, which, until - time.monotonic())
        except KafkaException as failure:
            # Partitions that are new, or whose broker has just ended, have another leader soon.
            if failure.args[0].code() not in _MOVING or time.monotonic() + _AGAIN_S > until:
                raise
            time.sleep(_AGAIN_S)
            # Without a question librdkafka would believe what it has heard for half a minute.
            for topic in {topic for topic, _ in places}:
                consumer.list_topics(topic, timeout=max(_AGAIN_S, until - time.monotonic()))


def _offsets(consumer: Consumer, places: list[Place], which: int, timeout_s: float) -> dict[Place, int]:
    asked = [TopicPartition(topic, partition, which) for topic, partition in places]
    answers = consumer.offsets_for_times(asked, timeout=timeout_s) if asked else []
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return {(answer.topic, answer.partition): answer.offset for answer in answers}


def read_range(
    consumer: Consumer,
    starts: Mapping[Place, int],
    ends: Mapping[Place, int],
    take: Callable[[Message], None],
    *,
    patience_s: float,
) -> None:
    """Hand the records from ``starts`` to before ``ends`` to ``take``, in order within each place.

    The consumer must tell of the ends of partitions (``enable.partition.eof``). ``patience_s`` is how long nothing may
    come.

    Raises:
        KafkaException: a place cannot be read, or nothing has come for that long.
    """
    open_places = {place: end for place, end in ends.items() if starts[place] < end}
    if not open_places:
        return
    consumer.assign(
        [TopicPartition(topic, number, max(starts[topic, number], OFFSET_BEGINNING)) for topic, number in open_places]
    )
    try:
        quiet_since = time.monotonic()
        while open_places:
            messages = consumer.consume(_AT_ONCE, 0.02)
            for message in messages:
                _take_one(message, open_places, take)
            if messages:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > patience_s:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    finally:
        consumer.unassign()


def _take_one(message: Message, open_places: dict[Place, int], take: Callable[[Message], None]) -> None:
    place = message.topic() or "", message.partition() or 0
    offset = message.offset() or 0
    error = message.error()
    end = open_places.get(place)
    if error is None:
        if end is not None and offset < end:
            take(message)
        if end is not None and offset + 1 >= end:
            del open_places[place]
    elif error.code() == KafkaError._PARTITION_EOF:
        # The last records of a partition may be marks of transactions, which nobody is handed.
        if end is not None and offset >= end:
            del open_places[place]
    elif error.code() in GONE or error.fatal():
        raise KafkaException(error)
    # librdkafka tries again after any other: a broker is away, or we may not join a group, which we do not want to.
