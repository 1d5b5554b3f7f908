"""Scales out of ``exchangeInfo``: the decimals that Binance itself trades each symbol with."""

import difflib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from market.symbols import Scales
from market.tick import DecimalError, TooLargeError, scale_of, scaled
from poller.errors import PollerError
from poller.sources import UnknownSymbolError

logger = logging.getLogger(__name__)

_NO_STEP_SCALE = 8
"""Binance pads every number to eight decimals; where a filter is off (a step of zero), they all may count."""


class BadExchangeInfoError(PollerError):
    """An answer that is no ``exchangeInfo``; asking again may help."""


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
        """The request weight allowed per minute, or None where the answer does not say."""

    def scales(self, wanted: Iterable[str]) -> dict[str, Scales]:
        """The scales of the symbols wanted, in their order.

        A symbol that is listed but not trading now (``BREAK``, ``HALT``) is allowed, with a warning.

        Raises:
            UnknownSymbolError: a symbol is not listed.
            PollerError: a symbol's numbers would not fit 2^53 - 1.
            BadExchangeInfoError: a step is not a number.
        """
        scales = {}
        for symbol in wanted:
            if symbol not in self._symbols:
                raise UnknownSymbolError(self._unknown(symbol))
            entry = self._symbols[symbol]
            try:
                filters = {its["filterType"]: its for its in entry["filters"]}
                price = _scale(symbol, "price", filters.get("PRICE_FILTER", {}), "tickSize", "maxPrice")
                size = _scale(symbol, "size", filters.get("LOT_SIZE", {}), "stepSize", "maxQty")
                status = str(entry["status"])
            except (KeyError, TypeError, AttributeError, DecimalError) as error:
                raise BadExchangeInfoError(f"exchangeInfo of {symbol} makes no sense: {error!r}") from None
            if status != "TRADING":
                logger.warning("%s is listed but not trading now (%s): expect no prices of it", symbol, status[:40])
            scales[symbol] = Scales(price, size)
        return scales

    def _unknown(self, symbol: str) -> str:
        close = difflib.get_close_matches(symbol, self._symbols, n=1)
        mend = f"did you mean {close[0]}?" if close else "remove it, or correct it"
        return f"SYMBOLS names {symbol}, which Binance does not list; {mend}"


def _weight_limit(rate_limits: Iterable[Mapping[str, Any]]) -> int | None:
    for rate in rate_limits:
        if (rate["rateLimitType"], rate["interval"], rate["intervalNum"]) == ("REQUEST_WEIGHT", "MINUTE", 1):
            return max(1, int(rate["limit"]))
    return None


def _scale(symbol: str, what: str, its: Mapping[str, str], step: str, largest: str) -> int:
    """The scale of one filter, `scale_of` its step."""
    scale = scale_of(its[step]) if its.get(step, "").strip("0.") else _NO_STEP_SCALE
    # The whole part alone: a real maximum may be finer than its own step (EURUSDT: 1.7433 at steps of 0.001).
    maximum = its.get(largest, "0").partition(".")[0]
    try:
        scaled(maximum, scale)
    except TooLargeError:
        raise PollerError(
            f"SYMBOLS names {symbol}, whose {what} may reach {its[largest]} at {scale} decimals, "
            "above 2^53 - 1; remove it"
        ) from None
    return scale
