"""Whose symbol a symbol is."""

import pytest

from market.prices.venues import DEFAULT_VENUE, VENUES, native_of, symbol_of, venue_of


@pytest.mark.parametrize(
    ("symbol", "venue", "native"),
    [
        ("BTCUSDT", "binance", "BTCUSDT"),
        ("coinbase:BTC-USD", "coinbase", "BTC-USD"),
        ("coinbase:A:B", "coinbase", "A:B"),
        ("A_NAME:OF-SOMETHING", "binance", "A_NAME:OF-SOMETHING"),
        ("coinbase:", "binance", "coinbase:"),
        ("coinbaseX", "binance", "coinbaseX"),
        ("binance:X", "binance", "binance:X"),
        ("", "binance", ""),
    ],
)
def test_a_symbol_tells_its_venue(symbol: str, venue: str, native: str) -> None:
    """A symbol's venue is its prefix if that is a venue's name, else the default one."""
    assert (venue, native) == (venue_of(symbol), native_of(symbol))
    assert symbol == symbol_of(venue, native)


def test_the_default_venue_comes_first() -> None:
    """Each venue is listed once."""
    assert DEFAULT_VENUE == VENUES[0]
    assert len(VENUES) == len(set(VENUES))
