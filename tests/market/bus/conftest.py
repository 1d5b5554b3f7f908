"""The bus that contract suites run over."""

from collections.abc import AsyncIterator

import pytest

from market.bus import Bus, BusOptions, open_bus
from tests.market.bus.implementations import IMPLEMENTATIONS
from tests.market.bus.receivers import RecordingReceiver


@pytest.fixture(params=IMPLEMENTATIONS)
async def any_bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A bus of each kind, empty, with three partitions."""
    bus = open_bus(IMPLEMENTATIONS[request.param](request), BusOptions(partitions=3))
    yield bus
    await bus.aclose()


@pytest.fixture
def receiver() -> RecordingReceiver:
    """Somebody who listens."""
    return RecordingReceiver()
