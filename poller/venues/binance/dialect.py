"""Binance's combined streams: requests and limits. `messages` has the meaning of messages."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from market.prices.letters import lower
from poller.stream.dialect import Method, Request, StreamEvent
from poller.stream.limits import StreamLimits
from poller.venues.binance.messages import QUOTE_STREAM, SUMMARY_STREAM, parse_message

_ID_DIGITS = 16


class BinanceLimits(StreamLimits, frozen=True, kw_only=True):
    """From Binance's API documents ("General information" of WebSocket streams), and from users' reports."""

    streams_per_message: int
    bytes_per_message: int


LIMITS: Final = BinanceLimits(
    # 1,024 streams, two for each symbol.
    symbols_per_connection=512,
    streams_per_message=200,
    # A longer SUBSCRIBE is not even answered (seen by users).
    bytes_per_message=4096,
    messages_per_window=5,
    message_window_s=1.0,
    # 0.5 s works, 0.25 s does not (seen by users).
    message_gap_s=0.5,
    # Below the exchange's 300: the network may bunch attempts, and others share the IP.
    connects_per_window=290,
    connect_window_s=300.0,
    # It sends a ping each 20 s.
    silent_s=25.0,
    # It ends every connection after 24 h.
    renew_after_s=23 * 3600.0,
    renew_jitter_s=1800.0,
)


class BinanceDialect:
    """See `poller.stream.dialect.StreamDialect`. It keeps no state."""

    def __init__(self, limits: BinanceLimits = LIMITS, summary: str = SUMMARY_STREAM) -> None:
        """Requests stay within ``limits``; ``summary`` is the stream of last price and volume."""
        self._limits = limits
        self._summary = summary

    def url(self, base: str) -> str:
        """The URL of the combined streams."""
        return f"{base}/stream"

    def requests(self, method: Method, symbols: Iterable[str]) -> Iterator[Request]:
        """Both streams of each symbol."""
        limits = self._limits
        for part in batches(
            method, streams_of(symbols, self._summary), limits.streams_per_message, limits.bytes_per_message
        ):
            yield Request(method, part, lambda number, part=part: _encode(method, part, number))  # type: ignore[misc]

    def parse(self, message: str, recv_us: int) -> tuple[StreamEvent]:
        """See `poller.stream.dialect.StreamDialect.parse`. Each message has one meaning."""
        return (parse_message(message, recv_us),)


class _Request(Struct):
    """A request (API documents, "Live Subscribing/Unsubscribing to streams")."""

    method: Method
    params: tuple[str, ...]
    id: int


def streams_of(symbols: Iterable[str], summary: str = SUMMARY_STREAM) -> list[str]:
    """The streams of quotes and summaries of ``symbols``."""
    return [f"{lower(symbol)}@{kind}" for symbol in symbols for kind in (QUOTE_STREAM, summary)]


def batches(method: Method, streams: Iterable[str], most: int, most_bytes: int) -> Iterator[tuple[str, ...]]:
    """Cut ``streams`` so that each part's request has at most ``most`` of them and ``most_bytes`` bytes."""
    room = most_bytes - len(_encode(method, (), 10**_ID_DIGITS))
    batch: list[str] = []
    used = 0
    for stream in streams:
        size = len(msgspec.json.encode(stream)) + 1  # in UTF-8, with its quotes, and a comma
        if batch and (len(batch) == most or used + size > room):
            yield tuple(batch)
            batch, used = [], 0
        batch.append(stream)
        used += size
    if batch:
        yield tuple(batch)


def _encode(method: Method, streams: tuple[str, ...], number: int) -> bytes:
    return msgspec.json.encode(_Request(method, streams, number))
