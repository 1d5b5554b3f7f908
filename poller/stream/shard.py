"""A shard: some symbols and their connection. During a replacement there are two connections."""

import asyncio
import logging
import random
from collections.abc import Callable, Collection

import aiohttp

from market.process.tasks import Group
from poller.log_events import STREAM_ENDED, STREAM_REPLACED
from poller.network.backoff import Backoff
from poller.network.counters import Counters
from poller.network.pacing import RollingLimit
from poller.network.tasks import first_of
from poller.stream.connection import Connection
from poller.stream.timing import StreamTiming

logger = logging.getLogger(__name__)


class Shard:
    """Keeps one `Connection` of its symbols ready. A replacement is ready before the old one is closed."""

    def __init__(
        self,
        symbols: tuple[str, ...],
        *,
        new_connection: Callable[[tuple[str, ...]], Connection],
        attempts: RollingLimit,
        became_ready: Callable[["Shard"], None],
        changed: Callable[[], None],
        timing: StreamTiming,
        counters: Counters,
        rng: random.Random,
    ) -> None:
        """``attempts`` is shared by all shards: the exchange limits connections per IP."""
        self.symbols = symbols
        self._reason = "not connected yet"
        self._streams: list[Connection] = []
        self.lost_at: float | None = asyncio.get_running_loop().time()
        """Since when it has not been live, in the event loop's time; None while it is live."""
        self._replace_at = 0.0
        self._replace_pause_s = timing.replace_s
        self._connected_before = False
        self._failing = False
        self._new_connection = new_connection
        self._attempts = attempts
        self._became_ready = became_ready
        self._changed = changed
        self._timing = timing
        self._counters = counters
        self._backoff = Backoff(timing.backoff_base_s, timing.backoff_cap_s, rng)

    @property
    def live(self) -> bool:
        """Whether a connection is ready: it has subscribed all symbols, and is not over."""
        return any(stream.ready.is_set() and not stream.over for stream in self._streams)

    @property
    def quoted(self) -> Collection[str]:
        """Symbols of which a quote has arrived on the newest connection."""
        return self._streams[-1].quoted if self._streams else ()

    @property
    def reason(self) -> str:
        """Why the last connection ended."""
        # `changed` is called before the end wakes `run`.
        newest = self._streams[-1] if self._streams else None
        return newest.reason if newest is not None and newest.over else self._reason

    def replace(self, reason: str) -> None:
        """Replace the connection without a gap, unless it was replaced shortly before."""
        now = asyncio.get_running_loop().time()
        if now < self._replace_at or not self.live:
            return
        # The last replacement was long ago: the next one may come soon.
        forgiven = now >= self._replace_at + 2 * self._replace_pause_s
        self._replace_pause_s = self._timing.replace_s if forgiven else self._replace_pause_s
        self._replace_at = now + self._replace_pause_s
        self._replace_pause_s = min(2 * self._replace_pause_s, self._timing.longest_replace_s)
        self._streams[-1].replace(reason)

    def subscribe_again(self, symbols: tuple[str, ...]) -> None:
        """Subscribe ``symbols`` again: the exchange may not have listed them the first time."""
        for stream in self._streams:
            stream.serve(symbols, ())

    def serve(self, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
        """Subscribe the ``added`` symbols, and unsubscribe the ``removed`` ones."""
        self.symbols = (*(symbol for symbol in self.symbols if symbol not in removed), *added)
        for stream in self._streams:
            stream.serve(added, removed)

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Connect, replace and reconnect until cancelled."""
        clock = asyncio.get_running_loop().time
        self.lost_at = started = clock()
        async with Group() as group:
            while True:
                stream = await self._open(session, group)
                await first_of(stream.ready.wait(), stream.leaving.wait())
                if stream.ready.is_set():
                    started = clock()
                    if self.live:
                        self.lost_at = None
                        self._failing = False
                    for older in self._streams[:-1]:
                        older.close()
                    self._became_ready(self)
                    self._changed()
                    await stream.leaving.wait()
                    if clock() - started >= self._timing.healthy_s:
                        self._backoff.reset()
                else:
                    stream.close()
                self._note_loss()
                self._reason = stream.reason
                self._log(stream)
                self._changed()
                # A connection that should be replaced has not failed, but ends soon: no pause.
                lasted = stream.ready.is_set() and clock() - started >= self._timing.steady_s
                pause_s = 0.0 if lasted and not stream.over else self._backoff.next_s()
                await asyncio.sleep(pause_s)

    async def _open(self, session: aiohttp.ClientSession, group: Group) -> Connection:
        await self._attempts.turn()
        self._counters.connects += 1
        self._counters.reconnects += self._connected_before
        self._connected_before = True
        stream = self._new_connection(self.symbols)
        self._streams.append(stream)
        group.create_task(self._host(stream, session))
        return stream

    async def _host(self, stream: Connection, session: aiohttp.ClientSession) -> None:
        try:
            await stream.run(session)
        finally:
            self._streams.remove(stream)
            if stream.over and not self.live:
                self._reason = stream.reason
            self._note_loss()
            self._changed()

    def _note_loss(self) -> None:
        if not self.live and self.lost_at is None:
            self.lost_at = asyncio.get_running_loop().time()

    def _log(self, stream: Connection) -> None:
        """Log the end of a good connection and the first failure after it; `ExchangeLink` logs the rest."""
        if not stream.over:
            logger.info(STREAM_REPLACED, len(self.symbols), stream.reason)
        elif not self._failing:
            logger.warning(STREAM_ENDED, len(self.symbols), stream.reason)
        self._failing = stream.over
