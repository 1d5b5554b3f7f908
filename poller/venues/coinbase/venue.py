"""The registry's entry for Coinbase Exchange."""

from market.prices import venues
from poller.source import Source
from poller.venues.venue import Opening, Venue


def _by_streams(its: Opening) -> Source:
    from poller.coverage.source import StreamSource
    from poller.venues.coinbase.streams import CoinbaseStreams

    return StreamSource(its.symbols, CoinbaseStreams(its.rest), its.streams, now_us=its.now_us, rng=its.rng)


COINBASE = Venue(
    name=venues.COINBASE,
    title="Coinbase Exchange",
    symbols=venues.EXAMPLES[venues.COINBASE],
    rest_url=("https://api.exchange.coinbase.com",),
    ws_url=("wss://ws-feed.exchange.coinbase.com",),
    ping="/time",
    clock="/time",
    stream="",
    feeds={"coinbase-ws": _by_streams},
)
