"""States of several venues' symbols."""

from collections.abc import Sequence

from msgspec import UNSET

from gateway.fanout.feed.symbol_states.states_by_venue import StatesByVenue, venues_of
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedStatus
from market.prices.symbols import parse_symbols
from market.wire.status import Changes
from tests.market.samples import states

HERE = "BTCUSDT,coinbase:BTC-USD,ETHUSDT"


class Setup:
    """States of two venues' symbols, and what was told of them."""

    def __init__(self) -> None:
        self.held: dict[str, FramedStatus] = {}
        self.published: list[tuple[str, str]] = []
        self.states = StatesByVenue(parse_symbols(HERE), self.held, self.publish, Counters(), now_us=lambda: 5)

    def publish(self, changed: Sequence[FramedStatus]) -> None:
        self.published += [(one.message.symbol, one.message.state) for one in changed]

    def confirm(self, venue: str, version: int, *live: str) -> None:
        """The venue's poller reports that just these are live."""
        self.states.of(venue).read(states(version, live=list(live)))
        self.states.of(venue).heartbeat_received(Changes(version=version, since=version))


def test_venues_in_their_order() -> None:
    """Each venue is named once."""
    assert ("binance", "coinbase") == venues_of(parse_symbols(HERE))


def test_each_poller_tells_of_its_own_symbols() -> None:
    """A symbol that its venue's poller does not name is unknown; each venue has its own versions."""
    setup = Setup()
    setup.confirm("binance", 7, "BTCUSDT")
    assert [("ETHUSDT", "unknown")] == setup.published
    setup.confirm("coinbase", 3)
    assert ("coinbase:BTC-USD", "unknown") == setup.published[-1]
    setup.confirm("coinbase", 4, "coinbase:BTC-USD", "ETHUSDT")
    assert ("coinbase:BTC-USD", "live") == setup.published[-1]
    assert 3 == len(setup.published)
    assert {"live": 2, "unknown": 1} == {name: count for name, count in setup.states.counts().items() if count}
    assert ("unknown", "live") == (setup.states.state_of("ETHUSDT"), setup.states.state_of("coinbase:BTC-USD"))


def test_a_poller_that_tells_no_states_unsays_no_other_s() -> None:
    """A venue's poller without states does not affect other venues."""
    setup = Setup()
    setup.confirm("binance", 7, "BTCUSDT")
    setup.confirm("coinbase", 3)
    setup.published.clear()
    setup.states.of("binance").heartbeat_received(Changes(version=8, since=8))
    setup.states.of("binance").heartbeat_received(UNSET)
    assert [("ETHUSDT", "live")] == setup.published
    assert "unknown" == setup.states.state_of("coinbase:BTC-USD")


def test_what_cannot_be_read_is_stale_at_its_own_venue() -> None:
    """An unreadable symbol is stale at its own venue, and live again when it is readable."""
    setup = Setup()
    for venue in ("binance", "coinbase"):
        setup.confirm(venue, 7, "BTCUSDT", "ETHUSDT", "coinbase:BTC-USD")
    setup.states.unreadable(["coinbase:BTC-USD", "ETHUSDT"])
    assert {("coinbase:BTC-USD", "stale"), ("ETHUSDT", "stale")} == set(setup.published)
    setup.states.unreadable(["ETHUSDT"])
    assert ("coinbase:BTC-USD", "live") == setup.published[-1]


def test_symbols_come_and_go() -> None:
    """With the last symbol of a venue its states go, with the first they come."""
    setup = Setup()
    setup.confirm("coinbase", 3)
    setup.states.serve(parse_symbols("BTCUSDT"))
    assert "coinbase:BTC-USD" not in setup.held
    setup.states.serve(parse_symbols(HERE))
    assert setup.states.of("coinbase").version is None
    assert "live" == setup.states.state_of("coinbase:BTC-USD")
