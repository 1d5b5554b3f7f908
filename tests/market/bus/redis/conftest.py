"""A bus on a real server."""

from collections.abc import AsyncIterator

import pytest

from market.bus import Bus, open_bus
from tests.valkey import Valkey


@pytest.fixture
async def bus(valkey: Valkey) -> AsyncIterator[Bus]:
    """A bus on a running server."""
    bus = open_bus(valkey.url)
    yield bus
    await bus.aclose()
