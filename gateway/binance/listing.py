"""The answer to ``exchangeInfo``: the symbols as the exchange lists them, and what is the same for all."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType

from gateway.binance.decimals import ZERO, fixed, padded
from gateway.binance.weights import LIMIT
from market.prices.listed import Listed
from market.prices.pairs import parts
from market.prices.tick import Tick

_STATUS: Final = {"trading": "TRADING", "halted": "HALT", "delisted": "BREAK", "unknown": "BREAK"}
_PRECISION: Final = 8
_ORDER_TYPES: Final = ("LIMIT", "LIMIT_MAKER", "MARKET")


def info(now: int, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The whole answer."""
    return {
        "timezone": "UTC",
        "serverTime": now,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": LIMIT},
        ],
        "exchangeFilters": [],
        "symbols": entries,
    }


def entry(symbol: str, listed: Listed | None, tick: Tick | None) -> dict[str, Any]:
    """The entry of ``symbol``. Steps that the listing does not give are those of its ``tick``; orders go nowhere."""
    base, quote = _assets(symbol, listed)
    return {
        "symbol": symbol,
        "status": "TRADING" if listed is None else _STATUS[listed.status],
        "baseAsset": base,
        "baseAssetPrecision": _PRECISION,
        "quoteAsset": quote,
        "quotePrecision": _PRECISION,
        "quoteAssetPrecision": _PRECISION,
        "baseCommissionPrecision": _PRECISION,
        "quoteCommissionPrecision": _PRECISION,
        "orderTypes": _ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": False,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(listed, tick),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _assets(symbol: str, listed: Listed | None) -> tuple[str, str]:
    if listed is not None and listed.base is not UNSET and listed.quote is not UNSET:
        return listed.base, listed.quote
    found = parts(symbol)
    return (symbol, "") if found is None else found[1:]


def _filters(listed: Listed | None, tick: Tick | None) -> list[dict[str, Any]]:
    """The price's is the first: a client looks for its step there."""
    rules = Listed(symbol="", native="", status="unknown") if listed is None else listed
    price_scale, size_scale = (_PRECISION, _PRECISION) if tick is None else (tick.price_scale, tick.size_scale)
    filters: list[dict[str, Any]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": _text(rules.min_price, ZERO),
            "maxPrice": _text(rules.max_price, ZERO),
            "tickSize": _text(rules.tick_size, fixed(1, price_scale)),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": _text(rules.min_qty, ZERO),
            "maxQty": _text(rules.max_qty, ZERO),
            "stepSize": _text(rules.step_size, fixed(1, size_scale)),
        },
    ]
    if rules.min_notional is not UNSET:
        filters.append(
            {
                "filterType": "NOTIONAL",
                "minNotional": padded(rules.min_notional),
                "applyMinToMarket": True,
                "maxNotional": ZERO,
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            }
        )
    return filters


def _text(value: str | UnsetType, other: str) -> str:
    return other if value is UNSET else padded(value)
