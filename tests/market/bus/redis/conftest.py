"""A bus on a real server."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from market.bus import Bus, open_bus
from tests.valkey import Valkey


@pytest.fixture
async def bus(valkey: Valkey) -> AsyncIterator[Bus]:
    """A bus on a running server."""
    bus = open_bus(valkey.url)
    yield bus
    await bus.aclose()


@pytest.fixture
def servers() -> Iterator[Callable[..., Valkey]]:
    """Starts Valkey servers of the test's own."""
    started = []

    def start(**config: str | int) -> Valkey:
        server = Valkey(**config)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()
