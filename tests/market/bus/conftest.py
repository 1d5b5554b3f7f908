"""The bus that contract suites run over."""

from collections.abc import AsyncIterator

import pytest

from market.bus import Bus
from tests.market.bus.implementations import IMPLEMENTATIONS, open_empty
from tests.market.bus.receivers import RecordingReceiver


@pytest.fixture(params=IMPLEMENTATIONS)
async def any_bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A bus of each kind, empty, with three partitions."""
    bus = await open_empty(request.param, request)
    yield bus
    await bus.aclose()


@pytest.fixture
def receiver() -> RecordingReceiver:
    """Somebody who listens."""
    return RecordingReceiver()
