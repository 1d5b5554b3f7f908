"""``coinbase-ws``: what is Coinbase Exchange's own about a source on its streams.

Heartbeats tell of every symbol whether its streams live, and a new connection tells the whole book, so REST is asked
for nothing but what is listed.
"""

import random
from collections.abc import Callable, Iterable, Mapping

from market.prices.instruments import Instrument
from poller.coverage.source import StreamSource
from poller.network.counters import Counters
from poller.network.endpoints import Endpoints
from poller.rest.catalogue import Catalogue
from poller.rest.client import RestClient
from poller.rest.timing import RestTiming
from poller.stream.dialect import StreamLimits
from poller.stream.timing import StreamTiming
from poller.venues.coinbase.dialect import LIMITS, CoinbaseDialect
from poller.venues.coinbase.products import PATH, read_products


class CoinbaseRest:
    """See `poller.rest.client.RestDialect`."""

    what = "Coinbase Exchange's REST interface"

    def used_weight(self, headers: Mapping[str, str]) -> None:
        """Its answers do not tell."""

    def error_code(self, body: bytes) -> int:  # noqa: ARG002 - as `RestDialect` has it
        """Its errors have no numbers."""
        return 0


class CoinbaseStreams:
    """See `poller.coverage.streams.Streams`."""

    source = stand_in = "coinbase-ws"
    what = "Coinbase Exchange's streams"
    questions = None

    def __init__(self, rest_url: Endpoints | str, limits: StreamLimits = LIMITS) -> None:
        """``rest_url`` is where REST is."""
        self._rest_url = rest_url
        self.limits = limits

    def dialect(self) -> CoinbaseDialect:
        """See `poller.coverage.streams.Streams.dialect`."""
        return CoinbaseDialect()

    def client(self, timing: RestTiming, counters: Counters, now_us: Callable[[], int]) -> RestClient:
        """See `poller.coverage.streams.Streams.client`."""
        return RestClient(self._rest_url, CoinbaseRest(), timing, counters, now_us)

    def listing(
        self, client: RestClient, symbols: Iterable[str], timing: RestTiming, changed: Callable[[str, Instrument], None]
    ) -> Catalogue:
        """See `poller.coverage.streams.Streams.listing`."""
        return Catalogue(client, PATH, read_products, symbols, what="Coinbase Exchange", timing=timing, changed=changed)


def coinbase_ws(
    symbols: Iterable[str],
    rest_url: Endpoints | str,
    ws_url: Endpoints | str,
    *,
    now_us: Callable[[], int],
    rng: random.Random,
    limits: StreamLimits = LIMITS,
    timing: StreamTiming | None = None,
    rest_timing: RestTiming | None = None,
) -> StreamSource:
    """A source on Coinbase Exchange's streams; the wall clock and the randomness come from outside."""
    return StreamSource(
        symbols,
        CoinbaseStreams(rest_url, limits),
        ws_url,
        now_us=now_us,
        rng=rng,
        timing=timing or StreamTiming(),
        rest_timing=rest_timing or RestTiming(),
    )
