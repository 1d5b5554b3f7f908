"""Binance's REST interface: one request at a time, within its limits."""

import asyncio
import email.utils
import re
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from urllib.parse import quote

import aiohttp
import orjson
from msgspec import Struct
from yarl import URL

from poller.network import reasons
from poller.network.endpoints import Endpoints
from poller.stream.timing import RestTiming
from poller.venues.binance.messages import Counters, error_of
from poller.venues.binance.weight import WeightBudget

_LIST_LENGTH = 4000
"""Characters of a list of symbols, encoded, above which it is better to ask for all of them."""

_MAX_BODY_BYTES = 64 << 20
"""Several times what all symbols take."""

INVALID_SYMBOL = -1121

BANNED = (418, 429)
_UNTIL = re.compile(r"until ([0-9]{13})(?![0-9])", re.ASCII)
"""In the message of a 418: Unix milliseconds."""


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
    holds back every request, of everybody who shares the endpoints, for as long as it says: see `ban_s`.
    """

    def __init__(
        self,
        endpoints: Endpoints | str,
        timing: RestTiming,
        counters: Counters,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """``now_us`` is the wall clock, microseconds since the Unix epoch: a ban may end at a date."""
        self._endpoints = Endpoints.of("Binance's REST interface", endpoints)
        self._timing = timing
        self._counters = counters
        self._now_us = now_us
        self.fault: Fault | None = None
        """Why the newest request brought nothing, or may not be made; None when one was answered as it should."""
        self._session: aiohttp.ClientSession | None = None
        self._turn = asyncio.Lock()
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

    @property
    def ban_reason(self) -> str:
        """Why nothing may be asked now, whoever was told so; empty where one may."""
        ban = self._endpoints.ban
        return ban.reason if ban.left_s() else ""

    async def get(
        self, path: str, query: Mapping[str, str], weight: int, timeout_s: float | None = None
    ) -> bytes | Fault:
        """Ask, when the limits allow it, and give the body of the answer or why there is none."""
        session = self._session
        if session is None:
            raise RuntimeError("use `async with api` around requests")
        # Quoted here, to the letter: yarl would leave brackets and commas as they are.
        text = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
        query_text = f"{'?' if text else ''}{text}"
        timeout = aiohttp.ClientTimeout(total=timeout_s or self._timing.request_timeout_s)
        async with self._turn:
            await self._allowed(weight)
            base = self._endpoints.current
            url = URL(f"{base}{path}{query_text}", encoded=True)
            self._counters.rest_requests += 1
            try:
                options = self._endpoints.options(base)
                async with session.get(url, timeout=timeout, allow_redirects=False, **options) as response:
                    self._observe(response)
                    body = await _read(response)
                    fault = None if response.status == 200 else self._fault(response, body)
                    if len(body) > _MAX_BODY_BYTES:
                        fault = Fault(f"an answer of more than {_MAX_BODY_BYTES >> 20} MiB")
            except TimeoutError:
                fault = Fault(f"no answer within {timeout.total:g} s")
            except (aiohttp.ClientError, OSError) as error:
                fault = Fault(f"cannot reach {base}: {reasons.of_error(error)}")
        self.fault = fault
        if fault is None:
            self._endpoints.works(base)
            self._endpoints.ban.over()
            return body
        self._counters.rest_errors += 1
        if not fault.banned and not fault.code:
            # What has a code of the exchange's was understood there; the same would be said elsewhere.
            self._endpoints.failed(base)
        return fault

    async def _allowed(self, weight: int) -> None:
        clock, ban = asyncio.get_running_loop().time, self._endpoints.ban
        while (wait_s := max(ban.left_s(), self.budget.delay_s(weight, clock()))) > 0:
            if ban.left_s():
                # It may be from before there was an `Api`, or another's.
                self.fault = Fault(ban.reason, banned=True)
            await asyncio.sleep(wait_s)
        self.budget.spend(weight, clock())

    def _observe(self, response: aiohttp.ClientResponse) -> None:
        used = _whole(response.headers.get("X-MBX-USED-WEIGHT-1M"))
        if used is not None:
            self.budget.observe(used, asyncio.get_running_loop().time())
        self._counters.used_weight = self.budget.used

    def _fault(self, response: aiohttp.ClientResponse, body: bytes) -> Fault:
        status = response.status
        code, _ = error_of(body)
        if status not in BANNED:
            return Fault(reasons.of_answer(status, body), code)
        return Fault(ban(self._endpoints, status, response.headers, body, self._now_us()), code, banned=True)


def ban(endpoints: Endpoints, status: int, headers: Mapping[str, str], body: bytes, now_us: int) -> str:
    """Obey a 429 or 418: nobody asks these endpoints again before it is over. Returns what to tell people.

    How long: ``Retry-After``, in seconds or as a date, else the time in the message, else a guess that grows.
    """
    told_s = _retry_after_s(headers.get("Retry-After", ""), now_us)
    if told_s is None and (until := _UNTIL.search(body[:2000].decode(errors="replace"))):
        told_s = int(until[1]) / 1e3 - now_us / 1e6
        if told_s <= 0:
            told_s = None
    wait_s = endpoints.ban.begin(told_s)
    words = reasons.told(body)
    asked = "asked to wait" if told_s is not None else "waiting"
    endpoints.ban.reason = f"HTTP {status}, {asked} {wait_s:.0f} s{f': {words}' if words else ''}"
    return endpoints.ban.reason


def _retry_after_s(header: str, now_us: int) -> float | None:
    """What ``Retry-After`` says (RFC 9110, section 10.2.3), or None where it makes no sense or is over."""
    if (seconds := _whole(header)) is not None:
        return float(seconds)
    try:
        left_s = email.utils.parsedate_to_datetime(header).timestamp() - now_us / 1e6
    except (ValueError, OverflowError):
        return None
    return left_s if left_s > 0 else None


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
