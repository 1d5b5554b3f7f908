"""The implementations that every contract suite runs over, each with its real server."""

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from market.bus import Bus, BusOptions, open_bus
from market.bus.kafka.connection.client import KafkaClient
from tests.kafka import fresh_url

PARTITIONS: Final = 3


def _memory(request: pytest.FixtureRequest) -> str:
    return "memory://"


def _redis(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("valkey").url)


def _sentinel(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("sentinels").url)


def _redis_cluster(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("valkey_cluster").url)


def _kafka(request: pytest.FixtureRequest) -> str:
    return fresh_url(request.getfixturevalue("kafka_port"))


IMPLEMENTATIONS: Final[Mapping[str, Callable[[pytest.FixtureRequest], str]]] = {
    "kafka": _kafka,
    "memory": _memory,
    "redis": _redis,
    "redis+sentinel": _sentinel,
    "redis+cluster": _redis_cluster,
}
"""Each by one of its URL schemes: what gives the URL of an empty bus."""
ALSO_OPENED_BY: Final = {
    "rediss": "redis",
    "unix": "redis",
    "rediss+sentinel": "redis+sentinel",
    "rediss+cluster": "redis+cluster",
}
"""Other schemes: the implementation that they lead to."""


async def open_empty(kind: str, request: pytest.FixtureRequest) -> Bus:
    """A bus of this kind, ready for subscribers before anything was published."""
    url = IMPLEMENTATIONS[kind](request)
    store = str(request.getfixturevalue("valkey").url) if kind == "kafka" else ""
    bus = open_bus(url, BusOptions(partitions=PARTITIONS, store_url=store))
    if kind == "kafka":
        # A poller does that; readers must not.
        await KafkaClient(url).ensure_topics(PARTITIONS)
    return bus
