"""Binance's messages as types, and `Update`s from them. Plain code without I/O.

Shapes are from Binance's API documents ("WebSocket Streams", "Market Data endpoints"). Fields not named here
are ignored. Prices are passed on unchanged, missing and zero ones too. The processor checks them.
"""

from collections.abc import Container

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from market.prices.letters import upper
from market.wire.codec import UNREADABLE
from poller.rest.answers import Answer, read_rows
from poller.source import Update
from poller.stream.dialect import Ack, Ending, Unexpected
from poller.venues.binance.summaries import RestSummary, StreamSummary

QUOTE_STREAM = "bookTicker"
SUMMARY_STREAM = "miniTicker"
FULL_SUMMARY_STREAM = "ticker"


class _Error(Struct):
    code: int = 0
    msg: str = ""


class _Envelope(Struct):
    stream: str | None = None
    data: Raw = Raw()
    event: str | None = field(name="e", default=None)
    id: int | None = None
    result: Raw = Raw()
    error: _Error | None = None
    code: int | None = None
    msg: str = ""


class _Quote(Struct, gc=False):
    update_id: int = field(name="u")
    symbol: str = field(name="s")
    bid: str | None = field(name="b", default=None)
    bid_size: str | None = field(name="B", default=None)
    ask: str | None = field(name="a", default=None)
    ask_size: str | None = field(name="A", default=None)


class _RestQuote(Struct, gc=False, rename="camel"):
    symbol: str
    bid_price: str | None = None
    bid_qty: str | None = None
    ask_price: str | None = None
    ask_qty: str | None = None


_envelope = Decoder(_Envelope)
_error = Decoder(_Error)
_quote = Decoder(_Quote)
_summary = Decoder(StreamSummary)
_rest_quote = Decoder(_RestQuote)
_rest_quotes = Decoder(list[_RestQuote])
_rest_summary = Decoder(RestSummary)
_rest_summaries = Decoder(list[RestSummary])


def parse_message(message: bytes | str, recv_us: int) -> Update | Ack | Ending | Unexpected:
    """Return the meaning of one message of a combined stream connection."""
    symbol: str | None = None
    try:
        envelope = _envelope.decode(message)
        if envelope.stream is None:
            return _parse_aside(envelope)
        name, _, kind = envelope.stream.partition("@")
        symbol = upper(name) if kind == QUOTE_STREAM else ""
        return _parse_event(envelope.stream, envelope.data, recv_us)
    except UNREADABLE as error:
        return Unexpected(f"{error}: {message[:200]!r}", symbol)


def _parse_event(stream: str, data: Raw, recv_us: int) -> Update | Ending | Unexpected:
    match stream.partition("@")[2]:
        case "bookTicker":
            quote = _quote.decode(data)
            return Update(
                symbol=quote.symbol,
                recv_us=recv_us,
                update_id=quote.update_id,
                bid=quote.bid,
                bid_size=quote.bid_size,
                ask=quote.ask,
                ask_size=quote.ask_size,
            )
        case "miniTicker" | "ticker":
            summary = _summary.decode(data)
            return Update(
                symbol=summary.symbol,
                recv_us=recv_us,
                event_us=summary.event_ms * 1000,
                last=summary.last,
                volume=summary.volume,
                stats=summary.stats(),
            )
        case _ if stream == "!serverShutdown":
            return Ending("the exchange shuts this connection down")
        case _:
            return Unexpected(f"an event of a stream that nobody asked for: {stream[:100]!r}")


def _parse_aside(envelope: _Envelope) -> Ack | Ending | Unexpected:
    if envelope.event == "serverShutdown":
        return Ending("the exchange shuts this connection down")
    if envelope.error is not None:
        return Ack(envelope.id, f"{envelope.error.code}: {envelope.error.msg[:200]}")
    if envelope.code is not None:
        return Ack(envelope.id, f"{envelope.code}: {envelope.msg[:200]}")
    if envelope.id is not None and bytes(envelope.result):
        return Ack(envelope.id, "")
    return Unexpected("neither an event nor an answer")


def parse_quotes(body: bytes, recv_us: int, wanted: Container[str]) -> Answer:
    """The quotes in an answer of ``ticker/bookTicker``, one object or an array, of the symbols wanted."""
    rows, malformed = read_rows(body, _rest_quote, _rest_quotes)
    updates = [
        Update(
            symbol=row.symbol,
            recv_us=recv_us,
            bid=row.bid_price,
            bid_size=row.bid_qty,
            ask=row.ask_price,
            ask_size=row.ask_qty,
        )
        for row in rows
        if row.symbol in wanted
    ]
    return Answer(updates, malformed)


def parse_summaries(body: bytes, recv_us: int, wanted: Container[str]) -> Answer:
    """The last prices and volumes in an answer of ``ticker/24hr``, one object or an array, of the symbols wanted."""
    rows, malformed = read_rows(body, _rest_summary, _rest_summaries)
    updates = [
        Update(symbol=row.symbol, recv_us=recv_us, last=row.last_price, volume=row.volume, stats=row.stats(recv_us))
        for row in rows
        if row.symbol in wanted
    ]
    return Answer(updates, malformed)


def error_of(body: bytes) -> tuple[int, str]:
    """Code and message of an error answer, ``{"code":-1121,"msg":"Invalid symbol."}``; (0, "") if it is none."""
    try:
        error = _error.decode(body)
    except UNREADABLE:
        return 0, ""
    return error.code, error.msg[:200]
