"""Buses on a real cluster."""

from collections.abc import AsyncIterator, Callable

import pytest

from market.bus import Bus, open_bus
from market.bus.redis.cluster.bus import ClusterBus
from market.bus.registry import BusOptions
from tests.market.bus.using import outcome_of
from tests.valkey_cluster import ValkeyCluster

PARTITIONS = 6

Opener = Callable[..., Bus]
"""Opens a bus that publishes in so many partitions, `PARTITIONS` unless told."""


SOON_S = 0.5
"""For an answer that is a reason why there is none."""


async def soon_outcome_of(url: str) -> str:
    """See `outcome_of`, of a bus whose cluster has little time to recover."""
    bus = ClusterBus(url, answer_s=SOON_S)
    try:
        return await outcome_of(bus)
    finally:
        await bus.aclose()


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
