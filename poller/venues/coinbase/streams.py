"""``coinbase-ws``: the exchange-specific part of a source on Coinbase Exchange's streams.

Heartbeats show for every symbol whether its streams are alive, and a new connection sends the whole book. So REST is
only asked for the listing.
"""

from collections.abc import Callable, Iterable

from market.prices.instruments import Instrument
from poller.network.endpoints import Endpoints
from poller.rest.catalogue import Catalogue
from poller.rest.client import PlainRestDialect, RestClient
from poller.rest.timing import RestTiming
from poller.stream.limits import StreamLimits
from poller.venues.coinbase.dialect import LIMITS, CoinbaseDialect
from poller.venues.coinbase.products import PATH, read_products


class CoinbaseStreams:
    """See `poller.coverage.streams.Streams`."""

    source = stand_in = "coinbase-ws"
    what = "Coinbase Exchange's streams"
    questions = None
    rest_dialect = PlainRestDialect("Coinbase Exchange's REST interface")

    def __init__(self, rest_url: Endpoints | str, limits: StreamLimits = LIMITS) -> None:
        """``rest_url`` is the REST interface."""
        self.rest_url = rest_url
        self.limits = limits

    def dialect(self) -> CoinbaseDialect:
        """See `poller.coverage.streams.Streams.dialect`."""
        return CoinbaseDialect()

    def listing(
        self, client: RestClient, symbols: Iterable[str], timing: RestTiming, changed: Callable[[str, Instrument], None]
    ) -> Catalogue:
        """See `poller.coverage.streams.Streams.listing`."""
        return Catalogue(client, PATH, read_products, symbols, what="Coinbase Exchange", timing=timing, changed=changed)
