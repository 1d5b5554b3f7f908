"""Where a new subscription begins. All of it blocks."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from confluent_kafka import Consumer, Message

from market.bus.kafka.connection.client import ANSWER_TIMEOUT_S
from market.bus.kafka.connection.faults import with_reasons
from market.bus.kafka.connection.reader import EARLIEST, LATEST, Place, offsets, read_range

_SAMPLE: Final = 100
"""How many of the newest records of a partition say how long one is."""


class Beginning(NamedTuple):
    """Where a subscription begins, by partition."""

    starts: dict[int, int]
    """The offset to read from."""
    ends: dict[int, int]
    """The offset behind what was there when it was asked for: everything before it is history."""


def beginning(
    consumer: Consumer, topic: str, partitions: Sequence[int], stood: Mapping[int, int], history_bytes: int
) -> Beginning:
    """Find where to begin: where an earlier subscription ``stood``, and before the newest ``history_bytes``.

    That is so much of all ``partitions`` together, as far as the size of the newest records tells.

    Raises:
        KafkaException: no answer.
    """
    places = [(topic, number) for number in partitions]
    with with_reasons(consumer):
        ends = offsets(consumer, places, LATEST, ANSWER_TIMEOUT_S)
        starts = {number: min(stood.get(number, ends[topic, number]), ends[topic, number]) for number in partitions}
        if history_bytes > 0:
            oldest = offsets(consumer, places, EARLIEST, ANSWER_TIMEOUT_S)
            for place, size in _sizes(consumer, ends, oldest).items():
                first = ends[place] - int(history_bytes / len(places) / size)
                starts[place[1]] = min(starts[place[1]], max(oldest[place], first))
    return Beginning(starts, {place[1]: end for place, end in ends.items()})


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
