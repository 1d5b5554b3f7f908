"""Whether a consumer's brokers are alive: librdkafka's statistics say when each was last heard of.

A consumer asks its brokers for records all the time, and each answers within a tenth of a second, if only that there
are none. So there is a sign of life without any further question. (librdkafka cannot be asked something by one thread
while another one polls it.)
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

INTERVAL_MS: Final = 500


class _Broker(Struct):
    nodeid: int
    state: str
    rxidle: int
    """Microseconds since the last answer."""


class _Partition(Struct):
    broker: int
    fetch_state: str


class _Topic(Struct):
    partitions: dict[str, _Partition]


class Statistics(Struct):
    """The few fields of librdkafka's statistics that are read here."""

    brokers: dict[str, _Broker]
    topics: dict[str, _Topic]


_decode: Final = msgspec.json.Decoder(Statistics).decode


def silent_s(statistics: bytes | str) -> float | None:
    """The seconds since the one of our brokers that was silent for longest has answered.

    None if that cannot be told: a partition that we read has no broker now, or nothing is read.
    """
    its = _decode(statistics)
    idle = {broker.nodeid: broker.rxidle for broker in its.brokers.values() if broker.state == "UP"}
    needed = {
        partition.broker
        for topic in its.topics.values()
        for name, partition in topic.partitions.items()
        if name != "-1" and partition.fetch_state not in {"none", "stopped"}
    }
    return max(idle[node] for node in needed) / 1e6 if needed and needed <= idle.keys() else None


class Pulse:
    """Takes the statistics of one consumer."""

    def __init__(self) -> None:
        """Nobody is told before `told` is replaced."""
        self.told: Callable[[float | None], object] = lambda _: None
        """Called, in the polling thread, with what `silent_s` says."""

    def __call__(self, statistics: str) -> None:
        """Take statistics (called by librdkafka from `poll`)."""
        self.told(silent_s(statistics))
