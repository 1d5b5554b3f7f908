"""The REST half of the exchange."""

import asyncio
import json
import math
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web
from msgspec import Struct

from tests.exchange.faults import Faults
from tests.exchange.limits import Limits, Weights
from tests.exchange.market import Market

_INVALID_SYMBOL = 400, -1121, "Invalid symbol."
_ILLEGAL = re.compile(r"[^\w.-]|[a-z]")
"""In no symbol but those that a test lists; letters of other scripts are in some (币安人生USDT)."""
_BAD_LIST = 400, -1100, "Illegal characters found in parameter 'symbols'."


class Request(Struct, frozen=True):
    """A request as it came."""

    at: float
    """Monotonic seconds."""
    path: str
    symbols: tuple[str, ...] | None
    """Those it names; None for all."""
    weight: int
    status: int


class Refused(Exception):  # noqa: N818 - a refusal, not a mistake
    """The request cannot be answered: status, code, message."""


class Rest:
    """Answers ``ping``, ``time``, ``exchangeInfo``, ``ticker/bookTicker`` and ``ticker/24hr``."""

    def __init__(
        self,
        market: Market,
        limits: Limits,
        faults: Faults,
        *,
        clock: Callable[[], float],
        violate: Callable[[str, str], None],
        touch: Callable[[], None],
    ) -> None:
        self._market = market
        self._limits = limits
        self._faults = faults
        self._clock = clock
        self._violate = violate
        self._touch = touch
        self.weights = Weights(limits, clock)
        self.requests: list[Request] = []

    def routes(self) -> list[web.RouteDef]:
        """Everything below ``/api/v3``."""
        return [web.get("/api/v3/{path:.*}", self._handle)]

    async def _handle(self, request: web.Request) -> web.Response:
        await self._faults.thawed.wait()
        path, at = request.match_info["path"], self._clock()
        symbols: tuple[str, ...] | None = None
        weight = 1
        try:
            symbols = self._symbols(request)
            weight = _weight(path, symbols)
            self._check(symbols)
        except Refused as refused:
            response = _error(*refused.args)
        else:
            response = self._answer(path, symbols, single="symbol" in request.query)
        self.weights.spend(weight)
        response = self._limited() or self._canned(path) or response
        response.headers["X-MBX-USED-WEIGHT-1M"] = str(self.weights.used)
        self.requests.append(Request(at, path, symbols, weight, response.status))
        self._touch()
        if self._faults.delay_s:
            await asyncio.sleep(self._faults.delay_s)
        return response

    def _symbols(self, request: web.Request) -> tuple[str, ...] | None:
        if len(str(request.rel_url)) > self._limits.url_chars:
            self._violate("url", f"{len(str(request.rel_url))} characters")
        if "symbols" in request.query:
            raw = dict(part.split("=", 1) for part in request.raw_path.partition("?")[2].split("&"))["symbols"]
            if not _is_encoded_list(raw):
                self._violate("symbols", f"not URL-encoded JSON without blanks: {raw[:100]}")
                raise Refused(*_BAD_LIST)
            symbols = tuple(json.loads(request.query["symbols"]))
        elif "symbol" in request.query:
            symbols = (request.query["symbol"],)
        else:
            return None
        return symbols

    def _check(self, symbols: tuple[str, ...] | None) -> None:
        if symbols is None:
            return
        strange = [symbol for symbol in symbols if symbol not in self._market.listings]
        if any(_ILLEGAL.search(symbol) for symbol in strange):
            raise Refused(*_BAD_LIST)
        if strange:
            raise Refused(*_INVALID_SYMBOL)

    def _answer(self, path: str, symbols: tuple[str, ...] | None, *, single: bool) -> web.Response:
        now_ms = time.time_ns() // 1_000_000
        listed = tuple(self._market.listings) if symbols is None else symbols
        if not single:
            listed = tuple(symbol for symbol in listed if symbol not in self._faults.left_out)
        rows: list[Any]
        match path:
            case "ping":
                return web.json_response({})
            case "time":
                return web.json_response({"serverTime": now_ms})
            case "exchangeInfo":
                return web.json_response(self._market.exchange_info(listed, self._limits.weight))
            case "ticker/bookTicker":
                rows = [self._market.book_ticker(symbol) for symbol in listed]
            case "ticker/24hr":
                rows = [self._market.day(symbol, now_ms) for symbol in listed]
            case _:
                return web.Response(status=404)
        return web.json_response(rows[0] if single else rows)

    def _limited(self) -> web.Response | None:
        weights, now = self.weights, self._clock()
        if now < weights.banned_until or now < weights.stop_until:
            self._violate("ban", "asked before Retry-After was over")
            weights.banned_until = max(weights.banned_until, now + self._limits.ban_s)
            return self._banned(418, weights.banned_until - now)
        if weights.used > self._limits.weight:
            self._violate("weight", f"{weights.used} used of {self._limits.weight}")
            return self.stop(429, weights.window_left_s())
        return None

    def stop(self, status: int, seconds: float) -> web.Response:
        """Tell the client to stay away for ``seconds``, rounded up; asking sooner is a violation."""
        self.weights.stop_until = self._clock() + math.ceil(seconds)
        return self._banned(status, seconds)

    def _banned(self, status: int, seconds: float) -> web.Response:
        until_ms = time.time_ns() // 1_000_000 + math.ceil(seconds) * 1000
        message = (
            f"Too much request weight used; current limit is {self._limits.weight} request weight per 1 MINUTE."
            if status == 429
            else f"Way too much request weight used; IP banned until {until_ms}."
        )
        response = _error(status, -1003, message)
        response.headers["Retry-After"] = str(math.ceil(seconds))
        return response

    def _canned(self, path: str) -> web.Response | None:
        canned = self._faults.take(path)
        if canned is None:
            return None
        if canned.status in (418, 429) and canned.headers.get("Retry-After", "").isdigit():
            return self.stop(canned.status, float(canned.headers["Retry-After"]))
        return web.Response(status=canned.status, body=canned.body, headers=canned.headers)


def _is_encoded_list(raw: str) -> bool:
    """Whether a list of names is JSON in UTF-8 without blanks, and encoded to the letter."""
    try:
        names = json.loads(unquote(raw, errors="strict"))
    except ValueError:
        return False
    written = quote(json.dumps(names, ensure_ascii=False, separators=(",", ":")), safe="")
    return isinstance(names, list) and raw.upper() == written.upper()


def _weight(path: str, symbols: tuple[str, ...] | None) -> int:
    """The table of the API documents."""
    number = 0 if symbols is None else len(symbols)
    match path:
        case "exchangeInfo":
            return 20
        case "ticker/bookTicker":
            return 2 if number == 1 else 4
        case "ticker/24hr":
            return 2 if 1 <= number <= 20 else 40 if 1 <= number <= 100 else 80
    return 1


def _error(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "msg": message}, status=status)
