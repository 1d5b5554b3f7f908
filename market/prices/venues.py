"""Venues: which exchange a symbol belongs to.

The default venue's symbols are bare, as ``BTCUSDT``. Another venue's have its name in front, as ``coinbase:BTC-USD``:
so two venues never share one. A prefix that is no venue's name is a part of the symbol.
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
"""The default symbols of each venue."""


def venue_of(symbol: str) -> str:
    """The venue of ``symbol``."""
    venue, colon, native = symbol.partition(":")
    return venue if colon and native and venue in OTHER_VENUES else DEFAULT_VENUE


def native_of(symbol: str) -> str:
    """The venue's own name for ``symbol``."""
    venue = venue_of(symbol)
    return symbol if venue == DEFAULT_VENUE else symbol.removeprefix(f"{venue}:")


def symbol_of(venue: str, native: str) -> str:
    """Our name for the symbol that ``venue`` calls ``native``."""
    return native if venue == DEFAULT_VENUE else f"{venue}:{native}"
