"""What the exchange lists, and the newest price of each."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct

_LISTINGS = Path(__file__).parents[1] / "fixtures" / "binance_exchange_info.json"


class Quote(Struct):
    """The newest of one symbol, in the exchange's decimal strings; None is left out of every answer."""

    update_id: int = 400900217
    bid: str | None = "100.00000000"
    bid_size: str | None = "1.00000000"
    ask: str | None = "100.01000000"
    ask_size: str | None = "2.00000000"
    last: str | None = "100.00000000"
    volume: str | None = "1000.00000000"
    open: str | None = "1.0"
    high: str | None = "1.0"
    low: str | None = "1.0"
    quote_volume: str | None = "1.0"

    @property
    def day(self) -> tuple[str | None, ...]:
        """What streams tell of 24 hours."""
        return self.last, self.volume, self.open, self.high, self.low, self.quote_volume


def _listing(symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol[:-4],
        "quoteAsset": symbol[-4:],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.0", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001000"},
        ],
    }  # fmt: skip


class Changes(Struct):
    """How often a symbol's prices have changed; streams tell changes only."""

    book: int = 0
    day: int = 0

    def of(self, kind: str) -> int:
        """Those that the stream ``<symbol>@<kind>`` tells of."""
        return self.day if kind == "miniTicker" else self.book + self.day


class Market:
    """Listings and quotes. Symbols of the fixture are listed as there, others with steps of 0.01 and 0.00001."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._answer = json.loads(_LISTINGS.read_text(encoding="utf-8"))
        known = {listing["symbol"]: listing for listing in self._answer["symbols"]}
        self.listings = {symbol: known.get(symbol) or _listing(symbol) for symbol in symbols}
        self.quotes = {symbol: Quote() for symbol in self.listings}
        self.changes = {symbol: Changes() for symbol in self.listings}

    def enlist(self, symbol: str, listing: dict[str, Any] | None = None) -> None:
        """List ``symbol`` from now on."""
        self.listings[symbol] = listing or _listing(symbol)
        self.quotes.setdefault(symbol, Quote())
        self.changes.setdefault(symbol, Changes())

    def delist(self, symbol: str) -> None:
        """``symbol`` is gone: who names it is refused, and no stream tells of it."""
        del self.listings[symbol]

    def set_status(self, symbol: str, status: str) -> None:
        """``TRADING``, ``BREAK``, ``HALT``, ``CANCEL_ONLY`` …"""
        self.listings[symbol] = {**self.listings[symbol], "status": status}

    def set_filter(self, symbol: str, kind: str, **changes: str) -> None:
        """Change fields of one filter, as ``set_filter("BTCUSDT", "PRICE_FILTER", tickSize="0.001")``."""
        filters = [{**its, **changes} if its["filterType"] == kind else its for its in self.listings[symbol]["filters"]]
        self.listings[symbol] = {**self.listings[symbol], "filters": filters}

    def change(self, symbol: str, changes: dict[str, str | None], update_id: int | None) -> bool:
        """Set prices, and say whether the book has changed; one with an id of its own always has."""
        its, counts = self.quotes[symbol], self.changes[symbol]
        before = its.bid, its.bid_size, its.ask, its.ask_size
        day = its.day
        for name, value in changes.items():
            setattr(its, name, value)
        counts.day += day != its.day
        if update_id is None and before == (its.bid, its.bid_size, its.ask, its.ask_size):
            return False
        its.update_id = its.update_id + 1 if update_id is None else update_id
        counts.book += 1
        return True

    def exchange_info(self, symbols: Iterable[str], weight: int) -> dict[str, Any]:
        """The answer of ``exchangeInfo``, with the weight limit in force."""
        limits = [dict(rate) for rate in self._answer["rateLimits"]]
        for rate in limits:
            if rate["rateLimitType"] == "REQUEST_WEIGHT":
                rate["limit"] = weight
        return {**self._answer, "rateLimits": limits, "symbols": [self.listings[symbol] for symbol in symbols]}

    def book_ticker(self, symbol: str) -> dict[str, Any]:
        """One object of REST's ``bookTicker``."""
        its = self.quotes[symbol]
        fields = {
            "symbol": symbol,
            "bidPrice": its.bid,
            "bidQty": its.bid_size,
            "askPrice": its.ask,
            "askQty": its.ask_size,
        }
        return _given(fields)

    def day(self, symbol: str, now_ms: int) -> dict[str, Any]:
        """One object of REST's ``ticker/24hr``, FULL."""
        its = self.quotes[symbol]
        fields = {
            "symbol": symbol, "priceChange": "10.0", "priceChangePercent": "0.017", "weightedAvgPrice": "1.0",
            "prevClosePrice": "1.0", "lastPrice": its.last, "lastQty": "0.01", "bidPrice": its.bid,
            "bidQty": its.bid_size, "askPrice": its.ask, "askQty": its.ask_size, "openPrice": its.open,
            "highPrice": its.high, "lowPrice": its.low, "volume": its.volume, "quoteVolume": its.quote_volume,
            "openTime": now_ms - 86_400_000, "closeTime": now_ms, "firstId": 1, "lastId": 500, "count": 500,
        }  # fmt: skip
        return _given(fields)

    def event(self, symbol: str, kind: str, now_ms: int) -> dict[str, Any] | None:
        """The payload of the stream ``<symbol>@<kind>``; None for a stream that does not exist."""
        its = self.quotes[symbol]
        book = {"b": its.bid, "B": its.bid_size, "a": its.ask, "A": its.ask_size}
        day = {"c": its.last, "o": its.open, "h": its.high, "l": its.low, "v": its.volume, "q": its.quote_volume}
        match kind:
            case "bookTicker":
                return _given({"u": its.update_id, "s": symbol, **book})
            case "miniTicker":
                return _given({"e": "24hrMiniTicker", "E": now_ms, "s": symbol, **day})
            case "ticker":
                more = {
                    "p": "10.0", "P": "0.017", "w": "1.0", "x": "1.0", "Q": "0.01", "O": now_ms - 86_400_000,
                    "C": now_ms, "F": 1, "L": 500, "n": 500,
                }  # fmt: skip
                return _given({"e": "24hrTicker", "E": now_ms, "s": symbol, **day, **book, **more})
            case "aggTrade":
                trade = {"a": its.update_id, "p": its.last, "q": "0.01", "f": 100, "l": 105}
                return _given({"e": "aggTrade", "E": now_ms, "s": symbol, **trade, "T": now_ms, "m": True, "M": True})
        return None


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
