"""The parts of one gateway, held together, and how it goes away."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress

from gateway.closing import Closing
from gateway.connection import Connection
from gateway.feed import Feed
from gateway.frames import FramedTick, message_frame
from gateway.heartbeat import Heartbeat
from gateway.hub import Hub
from gateway.metrics import Counters
from gateway.pace import Rest
from gateway.protocol import Shutdown
from gateway.session import Limits
from gateway.settings import Settings
from market.bus import Bus

logger = logging.getLogger(__name__)


class Gateway:
    """One process's gateway. Made inside a running event loop."""

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        rng: random.Random | None = None,
    ) -> None:
        """``now_us`` is the time in microseconds since the Unix epoch."""
        self.settings = settings
        self.bus = bus
        self.counters = Counters()
        # Spreads reconnects; nothing secret depends on it.
        self._rng = rng or random.Random()  # noqa: S311
        self._empty = asyncio.Event()
        self._empty.set()
        last: dict[str, FramedTick] = {}
        self.hub = Hub(
            last,
            self.counters,
            lag_timeout_s=settings.lag_timeout_s,
            rest=Rest(factor=settings.rest_factor),
            timer=time.perf_counter,
        )
        self.feed = Feed(
            bus,
            settings.symbols,
            last,
            self.hub.publish,
            self.hub.broadcast,
            self.counters,
            now_us=now_us,
            rng=self._rng,
        )
        self._heartbeat = Heartbeat(settings.heartbeat_s)
        self.limits = Limits(settings.max_symbols_per_connection, settings.max_errors_per_connection)
        """What each client may take."""
        self.draining = False
        """Whether it is going away: out of the balancer, but still serving whom it has."""
        self.full = False
        """Whether new connections are refused because it is about to close them all."""

    async def run(self) -> None:
        """Hear the bus and look after the connections until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.feed.run())
                group.create_task(self._heartbeat.run())
        finally:
            await self.bus.aclose()

    @property
    def has_room(self) -> bool:
        """Whether one more connection may come."""
        limit = self.settings.max_connections
        return not self.full and (not limit or len(self.hub) < limit)

    def add(self, connection: Connection) -> None:
        """``connection`` is part of the gateway now."""
        self.counters.connections_accepted += 1
        self.hub.add(connection)
        self._heartbeat.add(connection)
        self._empty.clear()

    def remove(self, connection: Connection) -> None:
        """``connection`` is gone; nothing of it is left after this."""
        self._heartbeat.remove(connection)
        self.hub.remove(connection)
        if not len(self.hub):
            self._empty.set()

    async def drain(self) -> None:
        """Go away gracefully within ``drain_seconds``: unready, then `Shutdown`, then 1012 for who is left.

        A third of the time is for the balancer to notice; clients are told to come back at different
        moments of the rest.
        """
        self.draining = True
        logger.info("draining %d connections over %g s", len(self.hub), self.settings.drain_seconds)
        notice_s = self.settings.drain_seconds / 3
        leave_s = self.settings.drain_seconds - notice_s
        if len(self.hub):
            await asyncio.sleep(notice_s)
        self.full = True
        for connection in self.hub.connections:
            wait_ms = int(self._rng.uniform(0, leave_s) * 1000)
            connection.reply(message_frame(Shutdown(reconnect_after_ms=wait_ms), connection.encoding))
        with suppress(TimeoutError):
            async with asyncio.timeout(leave_s):
                await self._empty.wait()
        await self.close_all()

    async def close_all(self) -> None:
        """Close every connection with 1012 and wait until they are gone."""
        self.draining = self.full = True
        for connection in self.hub.connections:
            if isinstance(connection, Connection):
                connection.close(Closing.DRAIN)
        await self._empty.wait()
