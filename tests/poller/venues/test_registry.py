"""Rules for every venue of the registry."""

import pytest

from market.prices import venues
from market.prices.symbols import parse_symbols
from poller.venues.registry import DEFAULT, VENUES


def test_pollers_and_gateways_know_the_same_venues() -> None:
    """A gateway finds a symbol's venue by its name."""
    assert set(venues.VENUES) == set(VENUES)
    assert venues.DEFAULT_VENUE == DEFAULT.name


@pytest.mark.parametrize("name", VENUES)
def test_a_venue_is_named_once(name: str) -> None:
    """Its default symbols are its own, as they would be written, and its feeds have its name in front."""
    venue = VENUES[name]
    symbols = parse_symbols(",".join(venue.symbols))
    assert venue.symbols == symbols.names == symbols.of_venue(name).names
    assert all(feed.startswith(f"{name}-") for feed in venue.feeds)
    assert (f"{name.upper()}_REST_URL", f"{name.upper()}_WS_URL") == (venue.rest_variable, venue.ws_variable)
    assert all(url.startswith("https://") for url in venue.rest_url)
    assert all(url.startswith("wss://") for url in venue.ws_url)
