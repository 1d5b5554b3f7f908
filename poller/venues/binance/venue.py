"""The registry's entry for Binance spot."""

from market.prices.venues import DEFAULT_VENUE, EXAMPLES
from poller.source import Source
from poller.venues.venue import Opening, Venue


def _by_streams(its: Opening) -> Source:
    from poller.coverage.source import StreamSource
    from poller.venues.binance.messages import FULL_SUMMARY_STREAM, SUMMARY_STREAM
    from poller.venues.binance.streams import BinanceStreams

    summary = FULL_SUMMARY_STREAM if its.all_figures else SUMMARY_STREAM
    return StreamSource(
        its.symbols, BinanceStreams(its.rest, summary=summary), its.streams, now_us=its.now_us, rng=its.rng
    )


def _by_rest(its: Opening) -> Source:
    from poller.venues.binance.rest_source import BinanceRest

    return BinanceRest(its.symbols, its.rest, now_us=its.now_us, rng=its.rng)


BINANCE = Venue(
    name=DEFAULT_VENUE,
    title="Binance",
    symbols=EXAMPLES[DEFAULT_VENUE],
    rest_url=("https://api.binance.com",),
    ws_url=("wss://stream.binance.com:9443",),
    ping="/api/v3/ping",
    clock="/api/v3/time",
    stream="/stream",
    feeds={"binance-ws": _by_streams, "binance-rest": _by_rest},
    replays=True,
)
