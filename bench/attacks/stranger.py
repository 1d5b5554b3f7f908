"""Connections of an attacker: cheap for the attacker, with every answer counted.

They come from loopback addresses to which the limits apply; 127.0.0.1 and ::1 are exempt.
"""

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from bench.clients.wire import upgrade_request

SOURCE = "127.0.0.2"
"""The source address of attacks; 127.0.0.1 is exempt from the limits per address."""

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) ")
_ERROR = re.compile(rb'"code":"([a-z_]+)"')
_CLOSE = re.compile(rb"\x88[\x02-\x7d](..)", re.DOTALL)
_AGAIN_S = 0.02
"""A refused connection is tried again, at most fifty times a second."""
_OPEN_S = 5.0
_STEP_S = 0.005
"""Messages due within this time are sent at once."""


class GoneError(Exception):
    """The connection has ended, or was never opened."""


@dataclass
class Target:
    """The attacked gateway, and the answers so far."""

    host: str
    port: int
    good_token: str = ""
    forged_token: str = ""
    fate: Counter[str] = field(default_factory=Counter)
    """What the attacker did, and the answers: ``connects``, ``sent``, ``HTTP 429``, ``closed 4429``, and so on."""

    @property
    def name(self) -> str:
        """For `Host`."""
        return f"{self.host}:{self.port}"

    async def connect(self) -> "Stranger":
        """One more connection.

        Raises:
            GoneError: it was not accepted.
        """
        loop = asyncio.get_running_loop()
        self.fate["connects"] += 1
        try:
            async with asyncio.timeout(_OPEN_S):
                made = loop.create_connection(lambda: Stranger(self), self.host, self.port, local_addr=(SOURCE, 0))
                return (await made)[1]
        except (OSError, TimeoutError) as error:
            self.fate[f"not connected: {type(error).__name__}"] += 1
            raise GoneError from None

    async def _visit(self, session: Callable[["Stranger"], Awaitable[None]]) -> None:
        """Run ``session`` on one new connection, up to its end, whoever ends it."""
        with suppress(GoneError):
            stranger = await self.connect()
            try:
                await session(stranger)
            finally:
                stranger.leave()

    async def keep(self, count: int, session: Callable[["Stranger"], Awaitable[None]]) -> None:
        """Run ``count`` strangers side by side; each restarts ``session`` when its connection has ended."""

        async def slot() -> None:
            while True:
                await self._visit(session)
                await asyncio.sleep(_AGAIN_S)

        async with asyncio.TaskGroup() as slots:
            for _ in range(count):
                slots.create_task(slot())

    async def arrive(self, per_s: float, most: int, session: Callable[["Stranger"], Awaitable[None]]) -> None:
        """Start ``per_s`` new strangers a second, at most ``most`` at once."""
        room = asyncio.Semaphore(most)

        async def visit() -> None:
            try:
                await self._visit(session)
            finally:
                room.release()

        async with asyncio.TaskGroup() as visits:
            async for due in at_rate(per_s):
                for _ in range(due):
                    if not room.locked():
                        await room.acquire()
                        visits.create_task(visit())


class Stranger(asyncio.Protocol):
    """One connection."""

    def __init__(self, target: Target) -> None:
        """See `Target.connect`."""
        self.target = target
        self._fate = target.fate
        self._left = False
        self._answered = asyncio.Event()
        """Set when something arrives, or the connection ends."""
        self._writable = asyncio.Event()
        self._writable.set()
        self.ended = asyncio.Event()
        self.upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected (called by the event loop)."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Count the answers (called by the event loop)."""
        if not self.upgraded:
            for status in _STATUS.findall(data):
                self._fate[f"HTTP {status.decode()}"] += 1
                self.upgraded = status == b"101"
        if self.upgraded:
            for code in _ERROR.findall(data):
                self._fate[f"error {code.decode()}"] += 1
            for close in _CLOSE.findall(data):
                code = int.from_bytes(close)
                # Else these bytes are the length of a longer frame.
                if 1000 <= code < 5000:
                    self._fate[f"closed {code}"] += 1
        self._answered.set()

    def pause_writing(self) -> None:
        """Too much is buffered (called by the event loop)."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The buffer has drained (called by the event loop)."""
        self._writable.set()

    def connection_lost(self, _error: Exception | None) -> None:
        """The end (called by the event loop)."""
        if not self._left:
            self._fate["cut off"] += 1
        for event in (self.ended, self._answered, self._writable):
            event.set()

    def stop_reading(self) -> None:
        """Leave all further data in the kernel."""
        self._transport.pause_reading()

    def read_some(self, limit: int) -> None:
        """Read up to ``limit`` bytes after `stop_reading`."""
        with suppress(BlockingIOError):
            if not os.read(self._transport.get_extra_info("socket").fileno(), limit):
                self._transport.abort()

    def leave(self) -> None:
        """Close without a close frame."""
        self._left = True
        self._transport.abort()

    async def send(self, data: bytes) -> None:
        """Write, and wait while the other side takes nothing.

        Raises:
            GoneError: the connection has ended.
        """
        if not self._writable.is_set():
            await self._writable.wait()
        if self.ended.is_set() or self._transport.is_closing():
            raise GoneError
        self._fate["sent"] += 1
        self._transport.write(data)

    async def answered(self) -> None:
        """Wait for an answer, or the end; the caller must have sent something before."""
        await self._answered.wait()
        self._answered.clear()

    async def upgrade(self, headers: str = "") -> None:
        """Make it a WebSocket.

        Raises:
            GoneError: that was refused.
        """
        self._answered.clear()
        await self.send(upgrade_request(self.target.host, self.target.port, headers=headers))
        await self.answered()
        if not self.upgraded:
            raise GoneError

    async def repeat(self, data: bytes, per_s: float = 0) -> None:
        """Send the same ``per_s`` times a second, or as fast as it is taken, until the connection ends.

        Raises:
            GoneError: it has.
        """
        if per_s:
            async for due in at_rate(per_s):
                for _ in range(due):
                    await self.send(data)
        while True:
            await self.send(data)
            # The loop must turn, or nobody would notice the end.
            await asyncio.sleep(0)


async def at_rate(per_s: float) -> AsyncIterator[int]:
    """Yield how many are due now, again and again; missed ones are not made up for."""
    begun = time.monotonic()
    done = 0
    while True:
        now = time.monotonic()
        due = int((now - begun) * per_s) - done
        if due > per_s:
            begun, done, due = now, 0, 1
        done += due
        if due:
            yield due
        await asyncio.sleep(max(_STEP_S, 1 / per_s - _STEP_S) if per_s < 100 else _STEP_S)


def bearer(token: str) -> str:
    """The header that shows a token."""
    return f"Authorization: Bearer {token}\r\n"
