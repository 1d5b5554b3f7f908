"""Clients of a deployment: for how long each had prices that were old and called live."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from deploy.watch.board import Board
from deploy.watch.link import Link, WatchError, subscribe_message
from deploy.watch.messages import Message, Snapshot, Update, Updates
from gateway.protocol.messages import Welcome

LOOK_S: Final = 0.1
SILENT_S: Final = 3.0
"""A client must not call prices live of a gateway that has said nothing for so long (docs/reconnecting.md)."""


class Observer:
    """One client, which connects again by itself."""

    def __init__(self, url: str, symbols: Sequence[str], token: str | None) -> None:
        self._link = Link(url, subscribe_message(symbols, None), token, clock=time.monotonic, jitter=random.random)
        self._board = Board()
        self.connections = 0
        self.is_connected = False
        self.problem = ""
        self.newest_us = 0
        """When the newest price was received from the exchange, Unix microseconds; 0 before the first."""
        self._heard_at = 0.0
        self._has_price = False
        """Whether one has come over this connection: those of an earlier one are called nothing."""

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async for message in self._link.messages():
                self._heard_at = time.monotonic()
                match message:
                    case str():
                        self._board.lost("not connected")
                        self.is_connected = False
                    case Welcome(server_us=server_us):
                        self._board.connected(0 if server_us is UNSET else server_us - time.time_ns() // 1000)
                        self.is_connected, self._has_price = True, False
                        self.connections += 1
                    case _:
                        self._board.take(message)
                        self._note(message)
        except WatchError as error:
            self.problem = str(error)

    def _note(self, message: Message) -> None:
        match message:
            case Update() | Snapshot():
                newest_us = message.recv_us
            case Updates(ticks=ticks):
                newest_us = max(tick.recv_us for tick in ticks)
            case _:
                return
        self._has_price = True
        self.newest_us = max(self.newest_us, newest_us)

    @property
    def _is_told(self) -> bool:
        feeds = self._board.feeds.values()
        return bool(feeds) and all(feed.feed == "live" for feed in feeds)

    @property
    def is_live(self) -> bool:
        """Whether it may call prices live: it is told so, and not by a gateway that has fallen silent."""
        may = self._has_price and self.is_connected and self._is_told
        return may and time.monotonic() - self._heard_at < SILENT_S

    @property
    def age_s(self) -> float:
        """How old the newest price is, of any symbol, by the gateway's clock; 0 before the first."""
        if not self.newest_us:
            return 0.0
        return max(0.0, (time.time_ns() // 1000 + self._board.ahead_us - self.newest_us) / 1e6)


class Sight(list[tuple[float, float, float]]):
    """What was seen each tenth of a second.

    Seconds since the beginning; the age of the newest price of a client that calls it live, the greatest of all; and
    the same of any client.
    """


async def look(observers: Sequence[Observer], sight: Sight) -> None:
    """Look until cancelled."""
    began = time.monotonic()
    while True:
        now = time.monotonic()
        called_live = max((one.age_s for one in observers if one.is_live), default=0.0)
        sight.append((now - began, called_live, max(one.age_s for one in observers)))
        await asyncio.sleep(LOOK_S)
