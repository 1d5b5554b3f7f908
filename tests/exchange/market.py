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


class Market:
    """Listings and quotes. Symbols of the fixture are listed as there, others with steps of 0.01 and 0.00001."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._answer = json.loads(_LISTINGS.read_text(encoding="utf-8"))
        known = {listing["symbol"]: listing for listing in self._answer["symbols"]}
        self.listings = {symbol: known.get(symbol) or _listing(symbol) for symbol in symbols}
        self.quotes = {symbol: Quote() for symbol in self.listings}

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
            "bidQty": its.bid_size, "askPrice": its.ask, "askQty": its.ask_size, "openPrice": "1.0",
            "highPrice": "1.0", "lowPrice": "1.0", "volume": its.volume, "quoteVolume": "1.0",
            "openTime": now_ms - 86_400_000, "closeTime": now_ms, "firstId": 1, "lastId": 500, "count": 500,
        }  # fmt: skip
        return _given(fields)

    def event(self, symbol: str, kind: str, now_ms: int) -> dict[str, Any] | None:
        """The payload of the stream ``<symbol>@<kind>``; None for a stream that does not exist."""
        its = self.quotes[symbol]
        book = {"b": its.bid, "B": its.bid_size, "a": its.ask, "A": its.ask_size}
        day = {"c": its.last, "o": "1.0", "h": "1.0", "l": "1.0", "v": its.volume, "q": "1.0"}
        match kind:
            case "bookTicker":
                return _given({"u": its.update_id, "s": symbol, **book})
            case "miniTicker":
                return _given({"e": "24hrMiniTicker", "E": now_ms, "s": symbol, **day})
            case "ticker":
                return _given({"e": "24hrTicker", "E": now_ms, "s": symbol, **day, **book, "Q": "0.01"})
            case "aggTrade":
                trade = {"a": its.update_id, "p": its.last, "q": "0.01", "f": 100, "l": 105}
                return _given({"e": "aggTrade", "E": now_ms, "s": symbol, **trade, "T": now_ms, "m": True, "M": True})
        return None


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
