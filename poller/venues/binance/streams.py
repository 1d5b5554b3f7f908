"""``binance-ws``: the exchange-specific part of a source on Binance's streams."""

from collections.abc import Callable, Iterable

from market.prices.instruments import Instrument
from poller.network.endpoints import Endpoints
from poller.rest.client import RestClient
from poller.rest.timing import RestTiming
from poller.venues.binance.dialect import LIMITS, BinanceDialect, BinanceLimits
from poller.venues.binance.listing import Listing
from poller.venues.binance.messages import SUMMARY_STREAM
from poller.venues.binance.rest import QUESTIONS, BinanceRestDialect


class BinanceStreams:
    """The combined streams of quotes and summaries. See `poller.coverage.streams.Streams`."""

    source = "binance-ws"
    stand_in = "binance-rest"
    what = "Binance's streams"
    questions = QUESTIONS
    rest_dialect = BinanceRestDialect()

    def __init__(
        self, rest_url: Endpoints | str, limits: BinanceLimits = LIMITS, summary: str = SUMMARY_STREAM
    ) -> None:
        """``rest_url`` is the REST interface; ``summary`` is the stream of last price and volume."""
        self.rest_url = rest_url
        self.limits = limits
        self._summary = summary

    def dialect(self) -> BinanceDialect:
        """See `poller.coverage.streams.Streams.dialect`."""
        return BinanceDialect(self.limits, self._summary)

    def listing(
        self, client: RestClient, symbols: Iterable[str], timing: RestTiming, changed: Callable[[str, Instrument], None]
    ) -> Listing:
        """See `poller.coverage.streams.Streams.listing`."""
        return Listing(client, symbols, timing=timing, changed=changed)
