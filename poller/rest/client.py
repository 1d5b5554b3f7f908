"""An exchange's REST interface: one request at a time, within its limits."""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol
from urllib.parse import quote

import aiohttp
from msgspec import Struct
from yarl import URL

from poller.network import reasons
from poller.network.counters import Counters
from poller.network.endpoints import Endpoints
from poller.network.refusals import BANNED, obey
from poller.rest.budget import WeightBudget
from poller.rest.timing import RestTiming

_MAX_BODY_BYTES = 64 << 20
"""Several times the size of the answer for all symbols."""


class Failure(Struct, frozen=True):
    """Why a request failed."""

    reason: str
    code: int = 0
    """The exchange's own error code; 0 if it gave none."""
    banned: bool = False
    """429 or 418: all requests are forbidden for a while."""


class RestDialect(Protocol):
    """The exchange-specific part of answers."""

    what: str
    """The interface, for people."""

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """The weight used, as the answer reports it; None if it does not."""

    def error_code(self, body: bytes) -> int:
        """The exchange's own error code; 0 if the answer has none."""


class PlainRestDialect:
    """A `RestDialect` whose answers have neither."""

    def __init__(self, what: str) -> None:
        """``what`` is the interface, for people."""
        self.what = what

    def used_weight(self, headers: Mapping[str, str]) -> None:
        """Return None: the answers do not report it."""

    def error_code(self, body: bytes) -> int:  # noqa: ARG002 - as `RestDialect` has it
        """Return 0: the errors have no codes."""
        return 0


class RestClient:
    """One persistent connection to an exchange's REST interface. Use it as an async context manager.

    Requests go one after the other, so none is under way when the exchange bans us. A 429 or 418 holds back every
    request of all users of these endpoints, for as long as it says: see `poller.network.bans`.
    """

    def __init__(
        self,
        endpoints: Endpoints | str,
        dialect: RestDialect,
        timing: RestTiming,
        counters: Counters,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """``now_us`` is the wall clock, microseconds since the Unix epoch: a ban may end at a date."""
        self._dialect = dialect
        self._endpoints = Endpoints.of(dialect.what, endpoints)
        self._timing = timing
        self._counters = counters
        self._now_us = now_us
        self.failure: Failure | None = None
        """Why the newest request failed or is forbidden; None after a success."""
        self._session: aiohttp.ClientSession | None = None
        self._turn = asyncio.Lock()
        self.budget = WeightBudget(timing.weight_limit, window_s=timing.weight_window_s)

    async def __aenter__(self) -> "RestClient":
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
        """Why requests are forbidden now, by any user's ban; empty if they are allowed."""
        ban = self._endpoints.ban
        return ban.reason if ban.left_s() else ""

    async def get(
        self, path: str, query: Mapping[str, str], weight: int, timeout_s: float | None = None
    ) -> bytes | Failure:
        """Send a request when the limits allow it; return the body of the answer, or why there is none."""
        session = self._session
        if session is None:
            raise RuntimeError("use `async with client` around requests")
        # Quoted here, because yarl would leave brackets and commas as they are.
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
                    failure = None if response.status == 200 else self._failure(response, body)
                    if len(body) > _MAX_BODY_BYTES:
                        failure = Failure(f"an answer of more than {_MAX_BODY_BYTES >> 20} MiB")
            except TimeoutError:
                failure = Failure(f"no answer within {timeout.total:g} s")
            except (aiohttp.ClientError, OSError) as error:
                failure = Failure(f"cannot reach {base}: {reasons.of_error(error)}")
        self.failure = failure
        if failure is None:
            self._endpoints.works(base)
            self._endpoints.ban.over()
            return body
        self._counters.rest_errors += 1
        if not failure.banned and not failure.code:
            # With a code the exchange understood the request; another URL would answer the same.
            self._endpoints.failed(base)
        return failure

    async def _allowed(self, weight: int) -> None:
        clock, ban = asyncio.get_running_loop().time, self._endpoints.ban
        while (wait_s := max(ban.left_s(), self.budget.delay_s(weight, clock()))) > 0:
            if ban.left_s():
                # The ban may be older than this `RestClient`, or come from another user.
                self.failure = Failure(ban.reason, banned=True)
            await asyncio.sleep(wait_s)
        self.budget.spend(weight, clock())

    def _observe(self, response: aiohttp.ClientResponse) -> None:
        used = self._dialect.used_weight(response.headers)
        if used is not None:
            self.budget.observe(used, asyncio.get_running_loop().time())
        self._counters.used_weight = self.budget.used

    def _failure(self, response: aiohttp.ClientResponse, body: bytes) -> Failure:
        status = response.status
        code = self._dialect.error_code(body)
        if status not in BANNED:
            return Failure(reasons.of_answer(status, body), code)
        reason = obey(self._endpoints.ban, status, response.headers, body, self._now_us(), self._counters)
        return Failure(reason, code, banned=True)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, cut off just above `_MAX_BODY_BYTES`: a few compressed bytes can become very many."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            break
    return bytes(body)
