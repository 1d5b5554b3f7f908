"""Dials the primary that Sentinels name, and checks that it is one."""

import asyncio
from collections.abc import Callable
from typing import Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S, FAULTS, dial
from market.bus.redis.connection.faults import explained, not_in_time
from market.bus.redis.connection.pool import role_in
from market.bus.redis.connection.sentinel.url import parse_sentinel_url
from market.bus.redis.connection.sentinel.verdict import Address, Verdict
from market.bus.redis.connection.sentinel.watch import SentinelWatch
from market.process.tasks import end

_SETTLE_S: Final = 1.5
"""At the start the Sentinels have so much time to answer."""
_AGAIN_S: Final = 1.0
"""A primary that cannot be used, and is not replaced, is dialled again: it may be back."""


class SentinelPrimary:
    """See `market.bus.redis.connection.primary.Primary`."""

    def __init__(self, url: str, moved: Callable[[str], None]) -> None:
        """Read ``url``, without connecting.

        Raises:
            BusUrlError: the URL, or a part of it, cannot be read.
        """
        self._url = parse_sentinel_url(url)
        self._moved = moved
        self._watch = SentinelWatch(self._url, self._decided)
        self._dialled: set[Address] = set()
        """Where connections may lead."""
        self._reached: set[Address] = set()
        """Where a connection was ever made."""
        self.place = self._url.place
        self.name = f"redis+sentinel {self.place} db {self._url.server.db}"

    async def dial(self, patience_s: float) -> AbstractConnection:
        """See `market.bus.redis.connection.primary.Primary.dial`."""
        loop = asyncio.get_running_loop()
        self._watch.start()
        began = loop.time()
        await self._watch.settle(began + _SETTLE_S)
        # Before any connection was made there is no failover to wait for, but perhaps a mistake to be told.
        deadline = began + (patience_s if self._reached else min(patience_s, _SETTLE_S))
        while True:
            verdict = self._watch.verdict
            outcome = self._watch.silence() if verdict is None else await self._reach(verdict)
            if not isinstance(outcome, str):
                return outcome
            again_at = min(loop.time() + _AGAIN_S, deadline)
            while verdict == self._watch.verdict and (left_s := again_at - loop.time()) > 0:
                await asyncio.wait((self._watch.change(),), timeout=left_s)
            if verdict == self._watch.verdict and again_at == deadline:
                # Raised out here, so that no exception chain leads to one that may hold the password.
                raise RedisConnectionError(outcome)

    def not_in_time(self) -> str:
        """See `market.bus.redis.connection.primary.Primary.not_in_time`."""
        verdict = self._watch.verdict
        if verdict is None:
            return self._watch.silence()
        return not_in_time(self._url.at(verdict.addresses[0]), reached=verdict.addresses[0] in self._reached)

    async def aclose(self) -> None:
        """See `market.bus.redis.connection.primary.Primary.aclose`."""
        await self._watch.aclose()

    def _decided(self, verdict: Verdict) -> None:
        if not self._dialled <= set(verdict.addresses):
            self._dialled.clear()
            self._moved(f"the primary {self._url.master} is now {verdict.addresses[0]}")

    async def _reach(self, verdict: Verdict) -> AbstractConnection | str:
        """A connection to the primary, or why there is none. A new verdict ends the try."""
        fault = ""
        for address in verdict.addresses:
            connecting = asyncio.create_task(self._connect(address))
            try:
                while not connecting.done() and verdict == self._watch.verdict:
                    await asyncio.wait((connecting, self._watch.change()), return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Cancelled, or too late.
                if not connecting.done() or verdict != self._watch.verdict:
                    await _abandon(connecting)
            if verdict != self._watch.verdict:
                return f"{address} is not the primary {self._url.master} any more"
            outcome = connecting.result()
            if not isinstance(outcome, str):
                self._dialled.add(address)
                self._reached.add(address)
                return outcome
            fault = fault or outcome
        return fault

    async def _connect(self, address: Address) -> AbstractConnection | str:
        """A connection to the server there, if it is a primary; else why there is none."""
        url, reached = self._url.at(address), address in self._reached
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                connection = await dial(url, reached=reached)
        except TimeoutError:
            return f"{not_in_time(url, reached=reached)} (Sentinel names it as the primary {self._url.master})"
        except FAULTS as error:
            fault = str(error) if url.place in str(error) else f"{url.called}: {error}"
            return f"{fault} (Sentinel names it as the primary {self._url.master})"
        fault = ""
        try:
            await connection.send_command("HELLO")
            role = role_in(await connection.read_response())
            if role != b"master":
                fault = f"{url.called} is a {(role or b'server of no role').decode(errors='replace')}"
        except FAULTS as error:
            fault = explained(error, url, reached=reached)
        except asyncio.CancelledError:
            await connection.disconnect(nowait=True)
            raise
        if not fault:
            return connection
        await connection.disconnect(nowait=True)
        return f"{fault} (Sentinel names it as the primary {self._url.master})"


async def _abandon(connecting: asyncio.Task[AbstractConnection | str]) -> None:
    try:
        await end(connecting)
    finally:
        if connecting.done() and not connecting.cancelled() and not isinstance(outcome := connecting.result(), str):
            await outcome.disconnect(nowait=True)
