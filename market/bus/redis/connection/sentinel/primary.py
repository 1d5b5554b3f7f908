"""Dials the primary that Sentinels name, and checks that it is one."""

import asyncio
from collections.abc import Callable
from typing import Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from market.bus.redis.connection.dial import FAULTS, dial
from market.bus.redis.connection.faults import explained, not_in_time
from market.bus.redis.connection.pool import role_in
from market.bus.redis.connection.sentinel.url import parse_sentinel_url
from market.bus.redis.connection.sentinel.verdict import Address, Verdict
from market.bus.redis.connection.sentinel.watch import SentinelWatch

_PATIENCE_S: Final = 1.5
"""A primary that cannot be used is given so much time to be replaced. Callers wait for up to two seconds."""


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
        self.place = self._url.place
        self.name = f"redis+sentinel {self.place} db {self._url.server.db}"

    async def dial(self) -> AbstractConnection:
        """See `market.bus.redis.connection.primary.Primary.dial`."""
        loop = asyncio.get_running_loop()
        self._watch.start()
        deadline = loop.time() + _PATIENCE_S
        await self._watch.settle(deadline)
        while True:
            verdict = self._watch.verdict
            outcome = self._watch.silence() if verdict is None else await self._reach(verdict)
            if not isinstance(outcome, str):
                return outcome
            while verdict == self._watch.verdict:
                if (left_s := deadline - loop.time()) <= 0:
                    # Raised out here, so that no exception chain leads to one that may hold the password.
                    raise RedisConnectionError(outcome)
                await asyncio.wait((self._watch.change(),), timeout=left_s)

    def not_in_time(self) -> str:
        """See `market.bus.redis.connection.primary.Primary.not_in_time`."""
        verdict = self._watch.verdict
        if verdict is None:
            return self._watch.silence()
        return not_in_time(self._url.at(verdict.addresses[0]), reached=bool(self._dialled))

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
                return outcome
            fault = fault or outcome
        return fault

    async def _connect(self, address: Address) -> AbstractConnection | str:
        """A connection to the server there, if it is a primary; else why there is none."""
        url = self._url.at(address)
        try:
            connection = await dial(url)
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
            fault = explained(error, url)
        except asyncio.CancelledError:
            await connection.disconnect(nowait=True)
            raise
        if not fault:
            return connection
        await connection.disconnect(nowait=True)
        return f"{fault} (Sentinel names it as the primary {self._url.master})"


async def _abandon(connecting: asyncio.Task[AbstractConnection | str]) -> None:
    connecting.cancel()
    await asyncio.wait((connecting,))
    if not connecting.cancelled() and not isinstance(outcome := connecting.result(), str):
        await outcome.disconnect(nowait=True)
