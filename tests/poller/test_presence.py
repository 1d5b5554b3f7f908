"""What the poller says of itself to operators."""

import pytest

from market.bus.memory import MemoryBus
from market.wire.announcing import Announcer
from poller.presence import present
from poller.publishing.publisher import Publisher
from poller.settings import PollerSettings
from poller.source import LinkState
from tests.poller.metrics.test_server import STATE, idle_publisher


@pytest.mark.parametrize(
    ("leading", "standing_by", "failures", "state"),
    [
        (True, False, 3, "leading"),
        (False, True, 3, "standing by"),
        (False, False, 1, "bus down"),
        (False, False, 0, "starting"),
    ],
)
async def test_it_says_what_it_does_and_whether_prices_arrive(
    leading: bool, standing_by: bool, failures: int, state: str
) -> None:
    """Who leads, who stands by, and who has no bus; and why its link to the exchange is down, in a bounded length."""
    publisher: Publisher = idle_publisher()
    publisher.leading, publisher.standing_by, publisher.failures = leading, standing_by, failures
    announcer = Announcer(MemoryBus(), lambda _: said, now_us=lambda: 5)
    link = LinkState(STATE.source, "down", "why " * 100, STATE.since_us)
    said = present(announcer, PollerSettings(), publisher, link, 12)
    assert (state, "binance", "down") == (said.state, said.venue, said.link)
    assert ("binance-rest", 12) == (said.source, said.symbols)
    assert 200 == len(said.reason)
