"""``binance-ws``: what is Binance's own about a source on its streams."""

import random
from collections.abc import Callable, Iterable

from market.prices.instruments import Instrument
from poller.coverage.source import StreamSource
from poller.network.counters import Counters
from poller.network.endpoints import Endpoints
from poller.rest.client import RestClient
from poller.rest.timing import RestTiming
from poller.stream.timing import StreamTiming
from poller.venues.binance.dialect import LIMITS, BinanceDialect, BinanceLimits
from poller.venues.binance.listing import Listing
from poller.venues.binance.rest import QUESTIONS, BinanceRestDialect


class BinanceStreams:
    """The combined ``bookTicker`` and ``miniTicker`` streams. See `poller.coverage.source.Streams`."""

    source = "binance-ws"
    stand_in = "binance-rest"
    what = "Binance's streams"
    questions = QUESTIONS

    def __init__(self, rest_url: Endpoints | str, limits: BinanceLimits = LIMITS) -> None:
        """``rest_url`` is where REST is."""
        self._rest_url = rest_url
        self.limits = limits

    def dialect(self) -> BinanceDialect:
        """See `poller.coverage.source.Streams.dialect`."""
        return BinanceDialect(self.limits)

    def client(self, timing: RestTiming, counters: Counters, now_us: Callable[[], int]) -> RestClient:
        """See `poller.coverage.source.Streams.client`."""
        return RestClient(self._rest_url, BinanceRestDialect(), timing, counters, now_us)

    def listing(
        self, client: RestClient, symbols: Iterable[str], timing: RestTiming, changed: Callable[[str, Instrument], None]
    ) -> Listing:
        """See `poller.coverage.source.Streams.listing`."""
        return Listing(client, symbols, timing=timing, changed=changed)


def binance_ws(
    symbols: Iterable[str],
    rest_url: Endpoints | str,
    ws_url: Endpoints | str,
    *,
    now_us: Callable[[], int],
    rng: random.Random,
    limits: BinanceLimits = LIMITS,
    timing: StreamTiming | None = None,
    rest_timing: RestTiming | None = None,
) -> StreamSource:
    """A source on Binance's streams; the wall clock and the randomness of backoff and renewal come from outside."""
    return StreamSource(
        symbols,
        BinanceStreams(rest_url, limits),
        ws_url,
        now_us=now_us,
        rng=rng,
        timing=timing or StreamTiming(),
        rest_timing=rest_timing or RestTiming(),
    )
