"""Binance's REST interface: one request at a time, within its limits."""

import asyncio
import re
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import quote

import aiohttp
import orjson
from msgspec import Struct
from yarl import URL

from poller.sources.binance import Counters, error_of
from poller.sources.binance_timing import RestTiming
from poller.sources.weight import WeightBudget

_LIST_LENGTH = 4000
"""Characters of a list of symbols, encoded, above which it is better to ask for all of them."""

_MAX_BODY_BYTES = 64 << 20
"""Several times what all symbols take."""

INVALID_SYMBOL = -1121


class Fault(Struct, frozen=True):
    """Why a request brought nothing."""

    reason: str
    code: int = 0
    """The exchange's own, as `INVALID_SYMBOL`."""
    banned: bool = False
    """429 or 418: nothing at all may be asked for a while."""


class Api:
    """One persistent connection to Binance's REST interface. Use it as an async context manager.

    Requests go one after the other, so none is under way when the exchange says stop. A 429 or 418
    holds back every request until its ``Retry-After`` is over.
    """

    def __init__(self, url: str, timing: RestTiming, counters: Counters) -> None:
        self._url = url.rstrip("/")
        self._timing = timing
        self._counters = counters
        self._session: aiohttp.ClientSession | None = None
        self._turn = asyncio.Lock()
        self._banned_until = float("-inf")
        self.budget = WeightBudget(timing.weight_limit, window_s=timing.weight_window_s)

    async def __aenter__(self) -> "Api":
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(
        self, path: str, query: Mapping[str, str], weight: int, timeout_s: float | None = None
    ) -> bytes | Fault:
        """Ask, when the limits allow it, and give the body of the answer or why there is none."""
        session = self._session
        if session is None:
            raise RuntimeError("use `async with api` around requests")
        # Quoted here, to the letter: yarl would leave brackets and commas as they are.
        text = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
        url = URL(f"{self._url}{path}{'?' if text else ''}{text}", encoded=True)
        timeout = aiohttp.ClientTimeout(total=timeout_s or self._timing.request_timeout_s)
        async with self._turn:
            await self._allowed(weight)
            self._counters.rest_requests += 1
            try:
                async with session.get(url, timeout=timeout, allow_redirects=False) as response:
                    self._observe(response)
                    body = await _read(response)
                    fault = None if response.status == 200 else self._fault(response, body)
                    if len(body) > _MAX_BODY_BYTES:
                        fault = Fault(f"an answer of more than {_MAX_BODY_BYTES >> 20} MiB")
            except TimeoutError:
                fault = Fault(f"no answer within {timeout.total:g} s")
            except (aiohttp.ClientError, OSError) as error:
                fault = Fault(f"cannot reach {self._url}: {error or type(error).__name__}")
        if fault is None:
            return body
        self._counters.rest_errors += 1
        return fault

    async def _allowed(self, weight: int) -> None:
        clock = asyncio.get_running_loop().time
        while (wait_s := self._wait_s(weight, clock())) > 0:  # noqa: ASYNC110 - time alone decides
            await asyncio.sleep(wait_s)
        self.budget.spend(weight, clock())

    def _wait_s(self, weight: int, now: float) -> float:
        return max(self._banned_until - now, self.budget.delay_s(weight, now))

    def _observe(self, response: aiohttp.ClientResponse) -> None:
        used = _whole(response.headers.get("X-MBX-USED-WEIGHT-1M"))
        if used is not None:
            self.budget.observe(used, asyncio.get_running_loop().time())
        self._counters.used_weight = self.budget.used

    def _fault(self, response: aiohttp.ClientResponse, body: bytes) -> Fault:
        status = response.status
        code, message = error_of(body)
        told = f": {message}" if message else ""
        if status not in (418, 429):
            return Fault(f"HTTP {status}{told}", code)
        told_s = _whole(response.headers.get("Retry-After"))
        wait_s = self._timing.default_ban_s if told_s is None else min(told_s, self._timing.longest_ban_s)
        until = asyncio.get_running_loop().time() + wait_s
        self._banned_until = max(self._banned_until, until)
        return Fault(f"HTTP {status}, asked to wait {wait_s:g} s{told}", code, banned=True)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body; of one that is too long a little more than `_MAX_BODY_BYTES`: packed, few bytes may stand for many."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            break
    return bytes(body)


def symbols_query(symbols: tuple[str, ...]) -> dict[str, str]:
    """The query that names these symbols: ``symbol`` for one, ``symbols`` for several, empty for very many."""
    if len(symbols) == 1:
        return {"symbol": symbols[0]}
    listed = orjson.dumps(symbols).decode()
    return {"symbols": listed} if len(quote(listed, safe="")) <= _LIST_LENGTH else {}


def _whole(header: str | None) -> int | None:
    """The number in a header, or None where there is none that makes sense."""
    return int(header) if header and re.fullmatch(r"[0-9]{1,9}", header) else None
