"""The answers to requests below ``/api/v3``, from what the gateway knows already: no request goes to an exchange."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET

from gateway.auth.grant import Grant
from gateway.binance.day import Day, WholeDay, whole_day_of
from gateway.binance.decimals import fixed, padded
from gateway.binance.endpoint import Endpoint
from gateway.binance.listing import entry, info
from gateway.binance.payloads import quote
from gateway.binance.requests import DISCONNECTED, TOO_MANY, UNSUPPORTED, ApiError, choice, named
from gateway.binance.weights import LIMIT, Weights, weight
from gateway.client.names import full_names
from gateway.errors import RefusalError
from gateway.gateway import Gateway
from market.prices.venues import DEFAULT_VENUE

_PATHS: Final = "ping, time, exchangeInfo, ticker/bookTicker, ticker/price and ticker/24hr"
_QUOTED: Final = 60

_AT_ONCE: Final = 50
"""So many symbols are answered for in one turn of the event loop, which takes a millisecond: prices go out between."""

_PER_TOKEN: Final[Mapping[str, int]] = {
    "exchangeInfo": 20,
    "ticker/24hr": 20,
    "ticker/bookTicker": 100,
    "ticker/price": 100,
}
"""Of each path, so many symbols cost one token (`gateway.admission.limits.charges`)."""


class Question:
    """A request, as far as answers depend on it."""

    def __init__(self, path: str, query: Mapping[str, str], grant: Grant, *, micro: bool) -> None:
        """``path`` is below ``/api/v3/``; ``micro`` says whether times are to be in microseconds."""
        self.path = path
        self.query = query
        self.grant = grant
        self.divisor = 1 if micro else 1_000


class Api:
    """Binance's REST, of one gateway."""

    def __init__(self, gateway: Gateway, endpoint: Endpoint) -> None:
        self._gateway = gateway
        self._endpoint = endpoint
        self._weights = Weights()
        self._answers: Mapping[str, Callable[[Question], Awaitable[Any]]] = {
            "ping": self._ping,
            "time": self._time,
            "exchangeInfo": self._exchange_info,
            "ticker/bookTicker": lambda question: self._of_each(question, self._book_ticker),
            "ticker/price": lambda question: self._of_each(question, self._price),
            "ticker/24hr": self._day,
        }

    def charge(self, path: str, query: Mapping[str, str], payer: str | None) -> int:
        """Count a request of ``payer``, None for this machine itself; return the weight of this minute so far.

        Raises:
            ApiError: it is more than the limit of Binance, or of this gateway.
        """
        now_s = self._gateway.now_s()
        symbols = 1 if "symbol" in query else query["symbols"].count(",") + 1 if "symbols" in query else 0
        used = self._weights.use(payer or "", weight(path, symbols), now_s)
        if path in _PER_TOKEN:
            work = symbols or len(self._endpoint.names.served)
            try:
                self._gateway.admission.charges.take(payer, work // _PER_TOKEN[path])
            except RefusalError as error:
                raise ApiError(TOO_MANY, f"{error}.", error.status, error.headers) from None
        if payer is not None and used > LIMIT:
            problem = (
                f"Too much request weight used; current limit is {LIMIT} request weight per 1 MINUTE."
                " Please use WebSocket Streams for live updates to avoid polling the API."
            )
            raise ApiError(TOO_MANY, problem, 429, {"Retry-After": str(self._weights.left_s(now_s))})
        return used

    async def answer(self, question: Question) -> Any:
        """What is answered.

        Raises:
            ApiError: the request is wrong, or for what is not here.
        """
        answer = self._answers.get(question.path)
        if answer is None:
            problem = f"This deployment has no /api/v3/{question.path[:_QUOTED]}; it has {_PATHS}."
            raise ApiError(UNSUPPORTED, problem, 404)
        return await answer(question)

    async def _ping(self, _question: Question) -> Any:
        return {}

    async def _time(self, question: Question) -> Any:
        return {"serverTime": self._gateway.now_us() // question.divisor}

    async def _exchange_info(self, question: Question) -> Any:
        chosen = named(question.query, self._knows(question))
        names = self._allowed(question) if chosen is None else chosen.symbols
        listing = self._gateway.feed.instruments(DEFAULT_VENUE)
        listed = {} if listing is None else {one.symbol: one for one in listing.symbols}
        last_tick = self._gateway.hub.last_tick
        entries = await _in_turns(names, lambda name: entry(name, listed.get(name), last_tick(name)))
        if "symbolStatus" in question.query:
            status = choice(question.query, "symbolStatus", "TRADING", ("TRADING", "HALT", "BREAK"))
            entries = [one for one in entries if one["status"] == status]
        if question.query.get("showPermissionSets", "true").lower() == "false":
            for one in entries:
                one["permissionSets"] = []
        return info(self._gateway.now_us() // question.divisor, entries)

    async def _day(self, question: Question) -> Any:
        kind = choice(question.query, "type", "FULL", ("FULL", "MINI"))
        one = self._whole_day if kind == "FULL" else self._mini_day
        return await self._of_each(question, lambda name: one(name, question.divisor))

    async def _of_each(self, question: Question, one: Callable[[str], Any]) -> Any:
        """The answer for one symbol, or for each.

        Raises:
            ApiError: the price of a symbol that was named is not current: an old one would pass for a new one.
        """
        chosen = named(question.query, self._knows(question))
        names = self._allowed(question) if chosen is None else chosen.symbols
        is_current = self._gateway.stale_holders.is_current
        answers = await _in_turns(names, lambda name: one(name) if is_current(name) else None)
        if chosen is None:
            return [answer for answer in answers if answer is not None]
        for name, answer in zip(names, answers, strict=True):
            if answer is None:
                raise ApiError(DISCONNECTED, f"This deployment has no current figures of {name} now.", 503)
        return answers[0] if chosen.alone else answers

    def _allowed(self, question: Question) -> Sequence[str]:
        return full_names(question.grant, self._endpoint.names.symbols).allowed(self._endpoint.names.served)

    def _knows(self, question: Question) -> Callable[[str], bool]:
        return frozenset(self._allowed(question)).__contains__

    def _book_ticker(self, name: str) -> Any:
        tick = self._gateway.hub.last_tick(name)
        if tick is None:
            return None
        bid, bid_size, ask, ask_size = quote(tick)
        return {"symbol": name, "bidPrice": bid, "bidQty": bid_size, "askPrice": ask, "askQty": ask_size}

    def _price(self, name: str) -> Any:
        tick, stats = self._gateway.hub.last_tick(name), self._gateway.feed.stats(name)
        if tick is not None and tick.last is not UNSET:
            price = fixed(tick.last, tick.price_scale)
        elif stats is not None and stats.last is not UNSET:
            price = padded(stats.last)
        else:
            return None
        return {"symbol": name, "price": price}

    def _mini_day(self, name: str, divisor: int) -> Any:
        stats = self._gateway.feed.stats(name)
        day = None if stats is None else whole_day_of(stats)
        return None if day is None else {"symbol": name, **_figures(day), **_window(day, divisor)}

    def _whole_day(self, name: str, divisor: int) -> Any:
        stats = self._gateway.feed.stats(name)
        day = None if stats is None else whole_day_of(stats)
        if day is None:
            return None
        bid, bid_size, ask, ask_size = quote(self._gateway.hub.last_tick(name))
        figures = _figures(day)
        return {
            "symbol": name,
            "priceChange": day.change,
            "priceChangePercent": day.percent,
            "weightedAvgPrice": day.mean,
            "prevClosePrice": day.before,
            "lastPrice": figures.pop("lastPrice"),
            "lastQty": day.last_size,
            "bidPrice": bid,
            "bidQty": bid_size,
            "askPrice": ask,
            "askQty": ask_size,
            **figures,
            **_window(day, divisor),
        }


def _figures(day: Day) -> dict[str, Any]:
    return {
        "openPrice": day.open,
        "highPrice": day.high,
        "lowPrice": day.low,
        "lastPrice": day.last,
        "volume": day.volume,
        "quoteVolume": day.quote_volume,
    }


def _window(day: WholeDay, divisor: int) -> dict[str, Any]:
    return {
        "openTime": day.open_us // divisor,
        "closeTime": day.close_us // divisor,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.trades,
    }


async def _in_turns(names: Sequence[str], one: Callable[[str], Any]) -> list[Any]:
    """What ``one`` makes of each of ``names``, some in each turn of the event loop."""
    made: list[Any] = []
    for start in range(0, len(names), _AT_ONCE):
        if start:
            await asyncio.sleep(0)
        made += map(one, names[start : start + _AT_ONCE])
    return made
