"""Every venue that a poller can serve, by its name."""

from collections.abc import Mapping
from typing import Final

from market.prices.venues import DEFAULT_VENUE
from poller.venues.binance.venue import BINANCE
from poller.venues.coinbase.venue import COINBASE
from poller.venues.venue import Venue

VENUES: Final[Mapping[str, Venue]] = {its.name: its for its in (BINANCE, COINBASE)}
DEFAULT: Final = VENUES[DEFAULT_VENUE]
