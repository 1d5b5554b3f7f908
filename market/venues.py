"""Venues: whose symbol a symbol is.

The default venue's symbols are bare, as ``BTCUSDT``. Another venue's have its name in front, as ``coinbase:BTC-USD``:
so two venues never share one. A name in front that is no venue's is a part of the symbol.
"""

from typing import Final

DEFAULT_VENUE: Final = "binance"
COINBASE: Final = "coinbase"
OTHER_VENUES: Final = frozenset({COINBASE})
"""`poller.venues.registry` has a poller's part of each."""
VENUES: Final = (DEFAULT_VENUE, *sorted(OTHER_VENUES))
EXAMPLES: Final = {
    DEFAULT_VENUE: ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
    COINBASE: ("coinbase:BTC-USD", "coinbase:ETH-USD", "coinbase:SOL-USD"),
}
"""Each venue's symbols where nobody says which are wanted."""


def venue_of(symbol: str) -> str:
    """The venue of ``symbol``."""
    venue, colon, native = symbol.partition(":")
    return venue if colon and native and venue in OTHER_VENUES else DEFAULT_VENUE


def native_of(symbol: str) -> str:
    """What its own venue calls ``symbol``."""
    venue = venue_of(symbol)
    return symbol if venue == DEFAULT_VENUE else symbol.removeprefix(f"{venue}:")


def symbol_of(venue: str, native: str) -> str:
    """What we call what ``venue`` calls ``native``."""
    return native if venue == DEFAULT_VENUE else f"{venue}:{native}"
