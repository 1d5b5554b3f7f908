"""Coinbase Exchange's streams: requests, and the meaning of messages.

``level2_batch`` sends the whole book once, then its changes every 50 ms. ``ticker`` sends each trade. ``heartbeat``
comes each second while a product's streams are alive. (The best prices in ``ticker`` are as of the last trade, so they
are not used.)
Shapes and limits are from the exchange's API documents ("WebSocket Channels", "WebSocket Rate Limits").
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct

from market.prices.stats import Stats
from market.prices.venues import COINBASE, native_of, symbol_of
from market.wire.codec import UNREADABLE
from poller.source import Update
from poller.stream.dialect import Ack, Alive, Ending, Method, Request, StreamEvent, Unexpected
from poller.stream.limits import StreamLimits
from poller.stream.order_book import BookError, OrderBook
from poller.stream.timestamps import Timestamp, unix_us

LIMITS: Final = StreamLimits(
    # Our own limit: one connection carries this many books without falling behind.
    symbols_per_connection=50,
    # 100 a second and IP: others may use it, and a renewal doubles it.
    messages_per_window=25,
    # 8 requests a second and IP.
    connects_per_window=4,
    connect_window_s=1.0,
    # A whole book is one message of some megabytes.
    message_bytes=32 << 20,
    deflate=True,
    # Heartbeats come each second.
    received_within_s=5.0,
)

_CHANNELS: Final = ("level2_batch", "ticker", "heartbeat")
_NAMED_CHANNELS: Final = {"ticker", "heartbeat"}
"""Channels whose names are the same in answers. The third may have another name there (``level2``, ``level2_50``)."""


class _Channel(Struct):
    name: str
    product_ids: list[str] = []


class _Message(Struct):
    type: str
    product_id: str = ""
    time: Timestamp | None = None
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []
    changes: list[tuple[Literal["buy", "sell"], str, str]] = []
    price: str | None = None
    volume_24h: str | None = None
    open_24h: Any = UNSET
    high_24h: Any = UNSET
    low_24h: Any = UNSET
    last_size: Any = UNSET
    trade_id: Any = UNSET
    channels: list[_Channel] = []
    message: str = ""
    reason: str = ""


class _Named(Struct):
    type: str = ""
    product_id: str | None = None


_decoder = msgspec.json.Decoder(_Message)
_named = msgspec.json.Decoder(_Named)


class CoinbaseDialect:
    """See `poller.stream.dialect.StreamDialect`. It keeps the books of its connection."""

    def __init__(self) -> None:
        """Begin without books."""
        self._books: dict[str, OrderBook] = {}

    def url(self, base: str) -> str:
        """Return ``base``: symbols are subscribed by messages."""
        return base

    def requests(self, method: Method, symbols: Iterable[str]) -> Iterator[Request]:
        """Make one request per symbol: an unknown product fails the request that names it."""
        for symbol in symbols:
            product = native_of(symbol)
            words = {"type": method.lower(), "product_ids": [product], "channels": _CHANNELS}
            message = msgspec.json.encode(words)
            yield Request(method, (symbol,), lambda _number, message=message: message)  # type: ignore[misc]

    def parse(self, message: str, recv_us: int) -> Iterable[StreamEvent]:
        """See `poller.stream.dialect.StreamDialect.parse`."""
        try:
            return self._read(_decoder.decode(message), recv_us)
        except (*UNREADABLE, BookError) as error:
            return (Unexpected(f"{error}: {message[:200]!r}", _whose(message)),)

    def _read(self, its: _Message, recv_us: int) -> Iterable[StreamEvent]:
        symbol = symbol_of(COINBASE, its.product_id)
        at_us = None if its.time is None else unix_us(its.time)
        match its.type:
            case "snapshot":
                book = self._books[symbol] = OrderBook()
                for price, size in its.bids:
                    book.bids.put(price, size)
                for price, size in its.asks:
                    book.asks.put(price, size)
                return _quote(symbol, book, at_us, recv_us)
            case "l2update":
                changed = self._books.get(symbol)
                if changed is None:
                    return (Unexpected(f"changes of a book without a snapshot: {symbol[:80]}", symbol),)
                for side, price, size in its.changes:
                    (changed.bids if side == "buy" else changed.asks).put(price, size)
                return _quote(symbol, changed, at_us, recv_us)
            case "ticker":
                summary = Update(
                    symbol=symbol,
                    recv_us=recv_us,
                    event_us=at_us,
                    last=its.price,
                    volume=its.volume_24h,
                    stats=_stats(symbol, its, recv_us if at_us is None else at_us),
                )
                traded = self._books.get(symbol)
                # The first one on a connection is from before the book's snapshot.
                if traded is None or traded.follows(at_us):
                    return (summary,)
                return (summary, Unexpected("trades without a change of the book", symbol))
            case "heartbeat":
                return (Alive(symbol),)
            case "subscriptions":
                return (Ack(None, subjects=_granted(its.channels)),)
            case "error":
                return (_refusal(its.message, its.reason),)
            case _:
                return (Unexpected(f"a message of an unknown type: {its.type[:40]!r}"),)


def _quote(symbol: str, book: OrderBook, at_us: int | None, recv_us: int) -> Iterable[Update]:
    """The top of the book, if it has moved."""
    top = book.changed(at_us)
    if top is None:
        return ()
    bid, ask = top
    return (
        Update(
            symbol=symbol,
            recv_us=recv_us,
            # This exchange has no counter. During a replacement the time shows which connection is ahead.
            update_id=at_us,
            counted=False,
            event_us=at_us,
            bid=bid.price if bid else "",
            bid_size=bid.size if bid else "",
            ask=ask.price if ask else "",
            ask_size=ask.size if ask else "",
        ),
    )


def _stats(symbol: str, its: _Message, ts_us: int) -> Stats:
    """The figures of 24 hours in a trade: what was traded is in the base asset alone, and there is no mean price."""
    return Stats(
        symbol=symbol,
        ts_us=ts_us,
        open=its.open_24h,
        high=its.high_24h,
        low=its.low_24h,
        last=UNSET if its.price is None else its.price,
        volume=UNSET if its.volume_24h is None else its.volume_24h,
        last_size=its.last_size,
        last_id=its.trade_id,
    )


def _granted(channels: list[_Channel]) -> frozenset[str]:
    """The symbols that are subscribed in all channels."""
    by_name = {channel.name: frozenset(channel.product_ids) for channel in channels}
    books = frozenset[str]().union(*(ids for name, ids in by_name.items() if name.startswith("level2")))
    return frozenset(
        symbol_of(COINBASE, product)
        for product in books
        if all(product in by_name.get(name, ()) for name in _NAMED_CHANNELS)
    )


def _refusal(message: str, reason: str) -> Ack | Ending:
    """``{"type":"error","message":"Failed to subscribe","reason":"ETH-USD is not a valid product"}``, or the end."""
    text = f"{message}: {reason}" if reason else message
    product, found, _ = reason.partition(" is not a valid product")
    if found:
        return Ack(None, text[:200], subjects=(symbol_of(COINBASE, product),), again=False)
    return Ack(None, text[:200]) if message.startswith("Failed to subscribe") else Ending(f"the exchange: {text[:150]}")


def _whose(message: str) -> str | None:
    """The symbol of an unreadable quote; None if that is unreadable too, empty if it is no quote."""
    try:
        its = _named.decode(message)
    except UNREADABLE:
        return None
    is_quote = its.type in ("snapshot", "l2update")
    return (symbol_of(COINBASE, its.product_id) if its.product_id else None) if is_quote else ""
