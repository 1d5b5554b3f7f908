"""A stream of prices for asyncio: what a program has in its hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tickgate_client.connection.liveness import Limits
from tickgate_client.errors import ClosedError, NotConnectedError
from tickgate_client.events import Event, State, Stats
from tickgate_client.inbox import QUEUE_SIZE
from tickgate_client.protocol.subscriptions import TICKER, Options
from tickgate_client.tick import Tick
from tickgate_client.transport.dial import shown
from tickgate_client.transport.driver import Driver, Token

_TURN_S: Final = 0.001
"""A consumer that never waits lets the event loop have a turn this often: else nothing newer could come."""


class Stream:
    """Prices of a gateway, or of several behind one address, over as many connections as it takes.

    Make it by `connect`. One task consumes it: ``async for tick in stream``, or `events` for all that is told.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token = None,
        connect_timeout_s: float | None = 10.0,
        queue_size: int = QUEUE_SIZE,
        limits: Limits | None = None,
        websocket_options: dict[str, Any] | None = None,
    ) -> None:
        """``url`` is like ``wss://prices.example/ws``. Use the stream with ``async with``.

        Args:
            url: of the WebSocket. It may have a query; a connection that is made again adds ``attempt=1``,
                ``attempt=2`` ... behind it, for the gateway's metrics, unless ``attempt`` is there already.
            token: a token, or a function that gets one; a function may be async, and is asked for each connection and
                before a token expires.
            connect_timeout_s: for the first connection; None waits for ever. Later ones are tried for ever.
            queue_size: the ticks that wait at most, of symbols without ``conflate``.
            limits: of the gateway's silence.
            websocket_options: for `websockets.asyncio.client.connect`, as ``ssl``, ``proxy`` or ``compression``.

        Raises:
            ValueError: it is no WebSocket's URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"ws", "wss"} or not parts.hostname:
            raise ValueError(f"{shown(url)!r} is no WebSocket's URL; it is like ws://127.0.0.1:8080/ws")
        self.url = url
        self._connect_timeout_s = connect_timeout_s
        options = websocket_options or {}
        self._driver = Driver(url, token, queue_size=queue_size, limits=limits, websocket_options=options)
        self._core = self._driver.core
        self._yielded_at = 0.0
        self.states: Mapping[str, State] = self._core.board.states
        """Symbol → whether its price is current. It is kept up to date, also while nobody consumes the stream."""
        self.ticks: Mapping[str, Tick] = self._core.prices.newest
        """Symbol → its newest tick, also kept up to date."""
        self.stats: Mapping[str, Stats] = self._core.prices.newest_stats
        """Symbol → its figures of 24 hours, if the channel ``stats`` is subscribed to."""

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            RefusedError: the gateway will not serve us.
            NotConnectedError: there was no connection in time.
        """
        first = self._driver.start()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await first
        except TimeoutError:
            why = self._core.last_refusal or f"{shown(self.url)} has not answered"
            await self.close()
            raise NotConnectedError(f"{why} (tried for {self._connect_timeout_s:g} s)") from None
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self.close()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._core.connected

    @property
    def conflated(self) -> int:
        """Ticks that were replaced by newer ones of their symbol, because nobody took them in time."""
        return self._core.inbox.conflated

    @property
    def clock_offset_s(self) -> float | None:
        """How far the gateway's clock is ahead of this machine's; None if it is not known."""
        gateway_us = self._core.clock.now_us(self._driver.now)
        return None if gateway_us is None else gateway_us / 1e6 - time.time()

    @property
    def clock_error_s(self) -> float | None:
        """The offset is wrong by this much at most; None if it is not known."""
        error_us = self._core.clock.error_us
        return None if error_us is None else error_us / 1e6

    def age_s(self, tick: Tick) -> float:
        """Seconds since the poller has received this price, by the gateway's clock if it tells its time, else by ours.

        A price that is current may be old: it has not changed. `states` says whether it is current.
        """
        return self._core.clock.age_s(tick.recv_us, self._driver.now)

    async def subscribe(
        self, *symbols: str, max_hz: float | None = None, conflate: bool = True, channel: str = TICKER
    ) -> list[str]:
        """Get these symbols: the last price of each, then every change. Returns their full names.

        ``"*"`` is all. ``max_hz`` bounds the updates of each symbol per second. Without ``conflate`` every single tick
        comes, in order, and a `Gap` where one is missing. ``channel="stats"`` is the figures of 24 hours.

        Raises:
            SubscribeError: some symbols are refused; it says which and why. The others are subscribed to.
            ClosedError: the stream was closed meanwhile.
        """
        if not symbols:
            raise ValueError('subscribe needs a symbol, or "*" for all')
        held: list[str] = await self._driver.ask("subscribe", symbols, Options(channel, max_hz, conflate))
        return held

    async def unsubscribe(self, *symbols: str, channel: str = TICKER) -> list[str]:
        """Get these no more. Returns those that were held.

        Raises:
            SubscribeError: a name that means nothing.
        """
        if not symbols:
            raise ValueError('unsubscribe needs a symbol, or "*" for all')
        dropped: list[str] = await self._driver.ask("unsubscribe", symbols, Options(channel))
        return dropped

    async def symbols(self) -> list[dict[str, Any]]:
        """What there is to subscribe to: symbol, venue, state, aliases and scales of each."""
        listed: list[dict[str, Any]] = await self._driver.ask("symbols", (), Options())
        return listed

    async def events(self) -> AsyncIterator[Event]:
        """Everything: ticks, changes of states, gaps, figures, connections and problems, until the stream is closed.

        Raises:
            RefusedError: the gateway will not serve us any more.
        """
        while (event := await self._next()) is not None:
            yield event

    def __aiter__(self) -> AsyncIterator[Tick]:
        """Ticks only. Who must know of gaps and states as they come takes `events`.

        Raises:
            RefusedError: the gateway will not serve us any more.
        """
        return self._only_ticks()

    async def close(self) -> None:
        """Disconnect; whoever iterates comes to an end."""
        await self._driver.close()

    async def _only_ticks(self) -> AsyncIterator[Tick]:
        async for event in self.events():
            if isinstance(event, Tick):
                yield event

    async def _next(self) -> Event | None:
        core, loop = self._core, asyncio.get_running_loop()
        inbox = core.inbox
        if inbox.on_arrival is not None:
            raise RuntimeError("two tasks take from one stream; each would miss what the other gets")
        if loop.time() - self._yielded_at > _TURN_S:
            await asyncio.sleep(0)
            self._yielded_at = loop.time()
        while (event := inbox.take()) is None:
            if core.ended is not None:
                if isinstance(core.ended, ClosedError):
                    return None
                raise core.ended
            arrived = asyncio.Event()
            inbox.on_arrival = arrived.set
            try:
                await arrived.wait()
            finally:
                inbox.on_arrival = None
            self._yielded_at = loop.time()
        return event


connect = Stream
"""A stream of the gateway at a URL: ``async with connect("ws://127.0.0.1:8080/ws") as stream``."""
