"""Where a new subscription begins. All of it blocks."""

from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import Consumer, Message

from market.bus.kafka.connection.client import ANSWER_TIMEOUT_S
from market.bus.kafka.connection.reader import EARLIEST, LATEST, Place, offsets, read_range

_SAMPLE: Final = 100
"""How many of the newest records of a partition say how long one is."""


def beginning(
    consumer: Consumer, topic: str, partitions: Sequence[int], stood: Mapping[int, int], history_bytes: int
) -> dict[int, int]:
    """Partition → the offset to read from.

    It is where an earlier subscription ``stood``. Else it is before the newest ``history_bytes`` of all ``partitions``
    together, as far as the size of the newest records tells.

    Raises:
        KafkaException: no answer.
    """
    places = [(topic, number) for number in partitions]
    ends = offsets(consumer, places, LATEST, ANSWER_TIMEOUT_S)
    starts = {number: min(stood[number], ends[topic, number]) for number in partitions if number in stood}
    fresh = [place for place in places if place[1] not in starts]
    if not fresh:
        return starts
    if history_bytes <= 0:
        return starts | {number: ends[topic, number] for _, number in fresh}
    oldest = offsets(consumer, fresh, EARLIEST, ANSWER_TIMEOUT_S)
    sizes = _sizes(consumer, {place: ends[place] for place in fresh}, oldest)
    for place in fresh:
        count = int(history_bytes / len(places) / sizes[place]) if place in sizes else 0
        starts[place[1]] = max(oldest[place], ends[place] - count)
    return starts


def _sizes(consumer: Consumer, ends: Mapping[Place, int], oldest: Mapping[Place, int]) -> dict[Place, float]:
    """The mean size of a record of each place that has any, in bytes, with what a record costs besides."""
    read: dict[Place, list[int]] = {}

    def take(record: Message) -> None:
        place = record.topic() or "", record.partition() or 0
        read.setdefault(place, []).append(len(record) + 100)

    starts = {place: max(oldest[place], end - _SAMPLE) for place, end in ends.items()}
    read_range(consumer, starts, ends, take, patience_s=ANSWER_TIMEOUT_S)
    # Offsets without a record, where a transaction ended, make this a bit too large: less history, never more.
    return {place: sum(sizes) / len(sizes) for place, sizes in read.items()}
