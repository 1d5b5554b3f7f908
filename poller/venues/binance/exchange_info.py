"""Instruments from ``exchangeInfo``: whether Binance trades a symbol now, and with how many decimals."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from market.prices.instruments import Instrument, Rules, Scales
from market.prices.tick import MAX_EXACT, DecimalError, number, scale_of
from poller.errors import PollerError
from poller.rest.listed import closed, decimal, halted

_CLOSED: Final = frozenset({"DELISTED", "CLOSE", "CLOSED", "SETTLED"})
"""Final states; every other one except ``TRADING`` is a halt (API documents, "ENUM definitions": ``BREAK``, ``HALT``,
``CANCEL_ONLY``, ``END_OF_DAY`` and others)."""


class BadExchangeInfoError(PollerError):
    """An answer that is not an ``exchangeInfo``; a retry may help."""


class ExchangeInfo:
    """One answer of ``/api/v3/exchangeInfo``, of some symbols or all."""

    def __init__(self, body: bytes) -> None:
        """Read the answer.

        Raises:
            BadExchangeInfoError: it is not one.
        """
        try:
            answer = orjson.loads(body)
            self._symbols: dict[str, Any] = {entry["symbol"]: entry for entry in answer["symbols"]}
            limit = _weight_limit(answer.get("rateLimits", ()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadExchangeInfoError(f"not an exchangeInfo answer: {error!r}") from None
        self.weight_limit = limit
        """The request weight allowed per minute; None if the answer does not say."""

    def instrument(self, symbol: str) -> Instrument | None:
        """The instrument of ``symbol``; None if the answer does not have the symbol.

        Absent or unreadable filters leave the scale open: a tick's own numbers then decide.
        """
        entry = self._symbols.get(symbol)
        if entry is None:
            return None
        filters = _filters(entry)
        price = _scale(filters.get("PRICE_FILTER", {}), "tickSize", "maxPrice")
        size = _scale(filters.get("LOT_SIZE", {}), "stepSize", "maxQty")
        status = str(entry.get("status", "TRADING"))
        scales, rules = Scales(price, size), _rules(entry, filters)
        if status == "TRADING":
            return Instrument("trading", scales, rules=rules)
        return closed(scales, status, rules) if status in _CLOSED else halted(scales, status, rules)

    def suggestion(self, symbol: str) -> str | None:
        """The listed symbol that ``symbol`` may stand for."""
        return next(iter(difflib.get_close_matches(symbol, self._symbols, n=1)), None)


def _weight_limit(rate_limits: Iterable[Mapping[str, Any]]) -> int | None:
    for rate in rate_limits:
        if (rate["rateLimitType"], rate["interval"], rate["intervalNum"]) == ("REQUEST_WEIGHT", "MINUTE", 1):
            return max(1, int(rate["limit"]))
    return None


def _filters(entry: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    listed = entry.get("filters", ())
    if not isinstance(listed, list):
        return {}
    return {str(its.get("filterType")): its for its in listed if isinstance(its, dict)}


def _rules(entry: Mapping[str, Any], filters: Mapping[str, Mapping[str, Any]]) -> Rules:
    """The rules for orders, as they are written."""
    price, size = filters.get("PRICE_FILTER", {}), filters.get("LOT_SIZE", {})
    # Until 2023 its name had another word in front.
    notional = next((its for name, its in filters.items() if name.endswith("NOTIONAL")), {})
    return Rules(
        base=str(entry.get("baseAsset") or ""),
        quote=str(entry.get("quoteAsset") or ""),
        tick_size=decimal(price.get("tickSize")),
        step_size=decimal(size.get("stepSize")),
        min_price=decimal(price.get("minPrice")),
        max_price=decimal(price.get("maxPrice")),
        min_qty=decimal(size.get("minQty")),
        max_qty=decimal(size.get("maxQty")),
        min_notional=decimal(notional.get("minNotional")),
    )


def _scale(its: Mapping[str, Any], step: str, largest: str) -> int:
    """The scale of a filter's ``step``: smaller if its own ``largest`` has no room at it, 0 if it has no step."""
    try:
        scale = scale_of(str(its.get(step, "0")))
        # The whole part alone: a real maximum may be finer than its own step (EURUSDT: 1.7433 at steps of 0.001).
        maximum, _ = number(str(its.get(largest, "0")).partition(".")[0])
    except DecimalError:
        return 0
    while scale and maximum * 10**scale > MAX_EXACT:
        scale -= 1
    return scale
