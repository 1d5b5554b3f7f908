"""The bus that contract suites run over."""

from collections.abc import AsyncIterator, Iterator

import pytest

from market.bus import Bus, open_bus
from tests.market.bus.implementations import IMPLEMENTATIONS
from tests.market.bus.receivers import RecordingReceiver
from tests.sentinel import Sentinels, running


@pytest.fixture(params=IMPLEMENTATIONS)
async def any_bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A bus of each kind, empty."""
    bus = open_bus(IMPLEMENTATIONS[request.param](request))
    yield bus
    await bus.aclose()


@pytest.fixture(scope="session")
def _sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    with running(Sentinels(tmp_path_factory.mktemp("sentinels"))) as sentinels:
        yield sentinels


@pytest.fixture
def sentinels(_sentinels: Sentinels) -> Sentinels:
    """Real Sentinels with a primary and two replicas, empty. Tests of failovers start their own."""
    _sentinels.renew()
    return _sentinels


@pytest.fixture
def receiver() -> RecordingReceiver:
    """Somebody who listens."""
    return RecordingReceiver()
