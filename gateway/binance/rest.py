"""The answers to requests below ``/api/v3``, from what the gateway knows already: no request goes to an exchange."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType

from gateway.auth.grant import Grant
from gateway.binance.decimals import ZERO, fixed
from gateway.binance.endpoint import Endpoint
from gateway.client.names import full_names
from gateway.errors import RefusalError
from gateway.gateway import Gateway
from market.prices.tick import Tick
from market.prices.venues import DEFAULT_VENUE

DISCONNECTED: Final = -1001
TOO_MANY: Final = -1003
ILLEGAL_CHARACTERS: Final = -1100
TOO_MANY_PARAMETERS: Final = -1101
MANDATORY: Final = -1102
EMPTY: Final = -1105
BAD_SYMBOL: Final = -1121
BAD_COMBINATION: Final = -1128


class ApiError(RefusalError):
    """A request that is refused, in Binance's own form."""

    def __init__(self, code: int, problem: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, "requests" if status == 429 else "bad_request", problem, headers)
        self._number = code

    @property
    def body(self) -> bytes:
        """The refusal as JSON."""
        return json.dumps({"code": self._number, "msg": str(self)}).encode()


class Api:
    """Binance's REST, of one gateway."""

    def __init__(self, gateway: Gateway, endpoint: Endpoint) -> None:
        self._gateway = gateway
        self._endpoint = endpoint
        self._answers = {
            "ping": self._ping,
            "time": self._time,
            "ticker/bookTicker": self._book_ticker,
            "ticker/price": self._price,
        }

    def answer(self, path: str, query: Mapping[str, str], grant: Grant) -> Any:
        """What is answered to a request for ``path``, below ``/api/v3/``."""
        answer = self._answers.get(path)
        if answer is None:
            raise ApiError(MANDATORY, f"this deployment has no /api/v3/{path[:60]}", 404)
        return answer(query, grant)

    def _ping(self, _query: Mapping[str, str], _grant: Grant) -> Any:
        return {}

    def _time(self, _query: Mapping[str, str], _grant: Grant) -> Any:
        return {"serverTime": self._gateway.now_us() // 1000}

    def _book_ticker(self, query: Mapping[str, str], grant: Grant) -> Any:
        return self._of_each(query, grant, _book_ticker)

    def _price(self, query: Mapping[str, str], grant: Grant) -> Any:
        return self._of_each(query, grant, _price)

    def _of_each(self, query: Mapping[str, str], grant: Grant, one: Any) -> Any:
        if "symbol" in query:
            return one(self._current(self._named(query["symbol"], grant)))
        if "symbols" in query:
            return [one(self._current(self._named(name, grant))) for name in _list(query["symbols"])]
        ticks = (self._gateway.hub.last_tick(name) for name in self._allowed(grant) if self._endpoint.is_current(name))
        return [one(tick) for tick in ticks if tick is not None]

    def _allowed(self, grant: Grant) -> Sequence[str]:
        symbols = self._gateway.settings.symbols
        return full_names(grant, symbols).allowed(symbols.of_venue(DEFAULT_VENUE).names)

    def _named(self, name: str, grant: Grant) -> str:
        if name not in self._allowed(grant):
            raise ApiError(BAD_SYMBOL, "Invalid symbol.")
        return name

    def _current(self, name: str) -> Tick:
        tick = self._gateway.hub.last_tick(name)
        if tick is None or not self._endpoint.is_current(name):
            raise ApiError(DISCONNECTED, f"the price of {name} is not current here", 503)
        return tick


def _list(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ApiError(ILLEGAL_CHARACTERS, "Illegal characters found in parameter 'symbols'")
    return names


def _book_ticker(tick: Tick) -> dict[str, str]:
    price, size = tick.price_scale, tick.size_scale
    return {
        "symbol": tick.symbol,
        "bidPrice": _fixed(tick.bid, price),
        "bidQty": _fixed(tick.bid_size, size),
        "askPrice": _fixed(tick.ask, price),
        "askQty": _fixed(tick.ask_size, size),
    }


def _price(tick: Tick) -> dict[str, str]:
    return {"symbol": tick.symbol, "price": _fixed(tick.last, tick.price_scale)}


def _fixed(value: int | UnsetType, scale: int) -> str:
    return ZERO if value is UNSET else fixed(value, scale)
