"""Announces this process on the bus every few seconds, until it ends."""

import asyncio
import logging
import os
import random
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from market.bus import Bus, BusDownError, NoStoreError
from market.process.events import NOT_ANNOUNCED
from market.process.version import version
from market.wire.presence import AnyPresent, encode_present

EVERY_S: Final = 2.0
TTL_S: Final = 5.0
"""Two announcements may fail or be late; then the process counts as gone."""
_WITHDRAW_S: Final = 0.3
"""A bus that does not answer must not keep a process from ending."""

logger = logging.getLogger(__name__)


class Rates:
    """How fast counts grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is in seconds."""
        self._clock = clock
        self._at = clock()
        self._counts: dict[str, float] = {}

    def take(self, **counts: float) -> dict[str, Any]:
        """Of each count, how much it has grown a second since the last call; 0 at first."""
        now = self._clock()
        seconds = max(now - self._at, 1e-3)
        rates = {name: round((count - self._counts.get(name, count)) / seconds, 2) for name, count in counts.items()}
        self._at, self._counts = now, counts
        return rates


class Announcer:
    """One process's presence on the bus."""

    def __init__(self, bus: Bus, make: Callable[["Announcer"], AnyPresent], *, now_us: Callable[[], int]) -> None:
        """Announce what ``make`` returns each time; it may use `base`. ``now_us`` is the Unix time, microseconds."""
        self.name = secrets.token_hex(4)
        """No other process has it."""
        self.rates = Rates()
        self.problem = ""
        """Why others do not know of this process; empty if they do."""
        self._presence = bus.presence
        self._make = make
        self._now_us = now_us
        self._started_us = now_us()
        self._version = version()
        self._host = socket.gethostname()[:200]

    def base(self) -> dict[str, Any]:
        """The fields of `market.wire.presence.Present`, without ``cpu``."""
        return {
            "name": self.name,
            "host": self._host,
            "pid": os.getpid(),
            "version": self._version,
            "started_us": self._started_us,
            "sent_us": self._now_us(),
        }

    async def run(self) -> None:
        """Announce until cancelled. Whatever the bus does, this only tries again."""
        try:
            while True:
                await self._announce()
                await asyncio.sleep(EVERY_S * random.uniform(0.9, 1.1))  # noqa: S311 - jitter, not secrets
        finally:
            with suppress(BusDownError, TimeoutError):
                async with asyncio.timeout(_WITHDRAW_S):
                    await self._presence.withdraw(self.name)

    async def _announce(self) -> None:
        try:
            await self._presence.announce(self.name, encode_present(self._make(self)), TTL_S)
        except NoStoreError as error:
            self.problem = str(error)
        except BusDownError as error:
            # The bus's own link says in the log that it is down.
            logger.debug(NOT_ANNOUNCED, error)
            self.problem = f"the bus does not take what this process says of itself: {error}"
        else:
            self.problem = ""
