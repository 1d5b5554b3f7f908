"""Buses on a real cluster."""

from collections.abc import AsyncIterator, Callable

import pytest

from market.bus import Bus, open_bus
from market.bus.registry import BusOptions
from tests.valkey_cluster import ValkeyCluster

PARTITIONS = 6

Opener = Callable[..., Bus]
"""Opens a bus that publishes in so many partitions, `PARTITIONS` unless told."""


@pytest.fixture
async def open_one(valkey_cluster: ValkeyCluster) -> AsyncIterator[Opener]:
    """Open buses on the shared cluster, which are closed at the end."""
    opened: list[Bus] = []

    def opener(partitions: int = PARTITIONS, cluster: ValkeyCluster = valkey_cluster) -> Bus:
        opened.append(open_bus(cluster.url, BusOptions(partitions=partitions)))
        return opened[-1]

    yield opener
    for bus in opened:
        await bus.aclose()


@pytest.fixture
def bus(open_one: Opener) -> Bus:
    """A bus on the shared cluster."""
    return open_one()
