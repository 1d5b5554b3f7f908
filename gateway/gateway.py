"""The parts of one gateway, and how it drains."""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final

from gateway.admission.admission import Admission
from gateway.admission.limits.buckets import Limits
from gateway.admission.limits.budget import Budgets
from gateway.admission.probes import Probes
from gateway.auth.opening import open_authenticator
from gateway.auth.settings import AuthSettings
from gateway.auth.tickets import Tickets
from gateway.events.heartbeats import Heartbeats
from gateway.events.stream import EventStream
from gateway.fanout.cohorts.member import Member
from gateway.fanout.cohorts.window import LATE_S
from gateway.fanout.feed.feed import Feed
from gateway.fanout.feed.intake import ticks_of
from gateway.fanout.feed.symbol_states.states_by_venue import StatesByVenue
from gateway.fanout.history.history import History
from gateway.fanout.history.replays import Replays
from gateway.fanout.hub import Hub
from gateway.fanout.pacing.flush_scheduler import Throttle
from gateway.fanout.pacing.load import LoopLoad
from gateway.fanout.stale_holders import StaleHolders
from gateway.log_events import DRAINING
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedStatus, FramedTick
from gateway.protocol.messages import Shutdown
from gateway.settings import Settings
from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.buffers import Buffers
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.connection import Connection
from gateway.websocket.keepalive import Keepalive
from gateway.websocket.read_scheduler import ReadScheduler
from market.bus import Bus
from market.metrics.loop_lag import LoopLag
from market.process.cadence import Cadence
from market.process.tasks import Group, end

_CLOSING_HANDSHAKES_S: Final = 1.0
"""A closing handshake gets at least so long."""
_LOOK_S: Final = 0.05
"""How often a drain checks whether it may go on."""

logger = logging.getLogger(__name__)


class Gateway:
    """One process's gateway. Create it inside a running event loop."""

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        timer: Callable[[], float] = time.perf_counter,
        rng: random.Random | None = None,
    ) -> None:
        """``now_us`` is the time in microseconds since the Unix epoch; ``timer`` measures work, in seconds."""
        self.settings = settings
        self.name = secrets.token_hex(4)
        """Short, and of no other process: clients are told it, and operators see it beside its address."""
        self.loop = asyncio.get_running_loop()
        self.cadence = Cadence(self.loop.time)
        self.bus = bus
        self.counters = Counters(now_us)
        self.buffers = Buffers(
            self.counters, Bounds.of(settings.lag_timeout_s, settings.message_timeout_s, settings.max_buffered_bytes)
        )
        self.read_scheduler = ReadScheduler(timer)
        """Decides when clients' messages are worked on."""
        self._now_us = now_us
        self._rng = rng or random.Random()  # noqa: S311 - spreads reconnects
        self._empty = asyncio.Event()
        self._empty.set()
        last, states = dict[str, FramedTick](), dict[str, FramedStatus]()
        throttle, load = Throttle(factor=settings.rest_factor), LoopLoad(timer)
        self.hub = Hub(last, states, self.counters, lag_timeout_s=settings.lag_timeout_s, throttle=throttle, load=load)
        self.states = StatesByVenue(settings.symbols, states, self.hub.publish_states, self.counters, now_us=now_us)
        """The state of each symbol."""
        self.history = History(settings.history_bytes, last, ticks_of)
        self.replays = Replays(self.hub, self.history, last, states, self.counters, timer=timer)
        """The clients that are sent what they missed."""
        self.feed = Feed(
            bus,
            settings.symbols,
            last,
            self.states,
            self.hub.publish,
            self.hub.broadcast,
            self.history.ring,
            self.counters,
            self.hub.held,
            now_us=now_us,
            cadence=self.cadence,
            rng=self._rng,
        )
        self.hub.find = self.feed.stats_feed.find
        self.stale_holders = StaleHolders(self.feed, states)
        """The clients that are closed when their prices are stale."""
        slow, late = self.hub.slow, self.hub.read_late
        self.keepalive = Keepalive(settings.heartbeat_s, slow.__contains__, slow.next_number, late, late_s=LATE_S)
        self.heartbeats = Heartbeats(settings.heartbeat_s, slow.__contains__, now_us)
        self.authenticator = open_authenticator(settings.auth, self.now_s, self._rng)
        """Checks tokens; None if no token is needed."""
        self.admission = Admission(
            settings, None if self.authenticator is None else self.authenticator.verify_now, self.has_room
        )
        self.tickets = Tickets(bus.tickets, self.now_s)
        self.budgets = Budgets(settings)
        """The message rates of connections, subjects and addresses."""
        self._background_tasks = set[asyncio.Task[None]]()
        self.on_change: list[Callable[[], None]] = []
        """Called when `settings` have changed."""
        self.limits = Limits(settings.max_symbols_per_connection, settings.max_errors_per_connection)
        self.draining = False
        """Whether it is going away: out of the balancer, but still serving its clients."""
        self.succeeded = False
        """Whether another process accepts connections at the same port, and this one no longer does."""
        self.expects_successor = False
        """Whether another process is about to accept them. Until then, new clients are served here."""
        self.full = False
        """Whether new connections are refused, because all end soon."""
        self.is_behind: Callable[[], bool] = lambda: False
        """Whether prices are stale here that are live at another gateway (`gateway.comparison`)."""
        self.leave_port: Callable[[], None] = lambda: None
        """Leaves a port that is shared to the other processes."""
        self.probes = Probes()
        """The balancers that ask whether it is ready."""
        self.loop_lag = LoopLag(self.cadence)
        self.arriving: Callable[[], int] = lambda: 0
        """How many accepted connections are no clients yet."""

    async def run(self) -> None:
        """Receive from the bus and keep connections alive until cancelled."""
        if self.authenticator is not None:
            self.authenticator.start()
        try:
            async with Group() as group:
                for part in (self.feed, self.keepalive, self.heartbeats, self.loop_lag):
                    group.create_task(part.run())
        finally:
            await end(*self._background_tasks)
            self.admission.close()
            if self.authenticator is not None:
                await self.authenticator.aclose()
            await self.bus.aclose()

    def change_keys(self, settings: AuthSettings) -> bool:
        """Check tokens by other ``settings`` from now on; clients keep what their tokens allowed when they came.

        Returns whether the keys are others.

        Raises:
            SettingError: a key that cannot be used; nothing has changed.
        """
        if self.authenticator is None:
            return False
        before = self.authenticator.change(settings)
        if before is not None:
            self.wait_for(before.aclose())
        return before is not None

    def change(self, settings: Settings) -> None:
        """Apply other ``settings`` from now on; `gateway.reload` says which may differ, and sends clients notices."""
        before, self.settings = self.settings, settings
        self.admission.change(settings)
        self.hub.slow.limit(settings.lag_timeout_s)
        self.buffers.change(Bounds.of(settings.lag_timeout_s, settings.message_timeout_s, settings.max_buffered_bytes))
        self.budgets.change(settings)
        self.limits.max_symbols = settings.max_symbols_per_connection
        self.limits.max_errors = settings.max_errors_per_connection
        for connection in self.hub.connections:
            if isinstance(connection, Connection):
                connection.limit_messages(settings.max_message_bytes)
        if settings.symbols is not before.symbols:
            self.feed.serve(settings.symbols)
        for call in self.on_change:
            call()

    def wait_for(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run ``work`` that one client waits for, such as fetching a key, in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)
        return task

    def now_us(self) -> int:
        """The wall clock, Unix microseconds."""
        return self._now_us()

    def now_s(self) -> float:
        """The wall clock, Unix seconds."""
        return self._now_us() / 1e6

    def has_room(self) -> bool:
        """Whether there is room for one more connection."""
        limit = self.settings.max_connections
        return not self.full and (not limit or len(self.hub) < limit)

    def add(self, connection: Connection | EventStream) -> None:
        """``connection`` is part of the gateway from now on."""
        self.counters.connections_accepted += 1
        self.hub.add(connection)
        if isinstance(connection, Connection):
            self.keepalive.add(connection)
        self._empty.clear()

    def remove(self, connection: Connection | EventStream) -> None:
        """``connection`` is gone; nothing of it is left after this."""
        if isinstance(connection, Connection):
            self.keepalive.remove(connection)
        self.replays.remove(connection)
        self.hub.remove(connection)
        if not len(self.hub):
            self._empty.set()

    async def drain(self) -> None:
        """Go away gracefully within ``drain_seconds``: unready, then `Shutdown`, then 1012, then cut off.

        A third of the time at most is for the balancer to notice, and for accepted connections to come in. In the half
        after that clients leave one by one, evenly spread, for the other gateways' sake. The rest is for handshakes.
        """
        self.draining = True
        seconds = self.settings.drain_seconds
        logger.info(DRAINING, len(self.hub), seconds)
        until = self.loop.time() + seconds
        await self._until_nobody_new(self.loop.time() + seconds / 3)
        self.leave_port()
        self.full = not self.succeeded
        holding = self.hub.membership.connections
        leaving = sorted(holding, key=lambda one: (not holding[one], self._rng.random()))  # newcomers hold nothing yet
        begin, spread_s = self.loop.time(), seconds / 2
        for number, connection in enumerate(leaving):
            wait_ms = int(spread_s * 1000 * number / len(leaving))
            connection.reply(connection.encoding.message_frame(Shutdown(reconnect_after_ms=wait_ms)))
        for number, connection in enumerate(leaving):
            due = begin + spread_s * number / len(leaving)
            if due > self.loop.time() and await self._empty_by(due):
                break
            _close(connection)
        if self.succeeded:
            await self._wait_for(lambda: not self.arriving(), begin + _CLOSING_HANDSHAKES_S)
        # Also those that came in meanwhile.
        await self.close_all(max(_CLOSING_HANDSHAKES_S, until - self.loop.time()))

    async def _until_nobody_new(self, due: float) -> None:
        """Serve new clients until none is expected any more, but not past ``due`` on the event loop's clock.

        A successor that is coming is always awaited. With a successor, this lasts until every accepted connection has
        come in. Without one, it lasts until every balancer that asked regularly knows that this gateway goes away. One
        that does not ask cannot know: then clients have the time, and without clients there is nothing to wait for.
        """
        balancers = self.probes.regular(self.loop.time())

        def is_over() -> bool:
            if balancers and not self.succeeded:
                return self.probes.all_informed(balancers)
            return not len(self.hub) and not (self.succeeded and self.arriving())

        await self._wait_for(is_over, due)
        while self.expects_successor:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(_LOOK_S)

    async def _wait_for(self, condition: Callable[[], bool], due: float) -> None:
        """Check regularly until ``condition`` holds, but not past ``due`` on the event loop's clock."""
        while (left_s := due - self.loop.time()) > 0 and not condition():  # noqa: ASYNC110 - they set no event
            await asyncio.sleep(min(_LOOK_S, left_s))

    async def _empty_by(self, due: float | None) -> bool:
        """Wait until all clients have gone, at most until ``due`` on the event loop's clock; whether they have."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._empty.wait()
        return self._empty.is_set()

    async def close_all(self, patience_s: float | None = None) -> None:
        """Close all connections with 1012, cut off those left after ``patience_s``, and wait for the end of all."""
        self.draining = self.full = True
        for connection in self.hub.connections:
            _close(connection)
        if await self._empty_by(None if patience_s is None else self.loop.time() + patience_s):
            return
        for connection in self.hub.connections:
            connection.abort("did not answer the closing handshake")
        await self._empty.wait()


def _close(connection: Member) -> None:
    if isinstance(connection, Connection | EventStream):
        connection.close(CloseReason.DRAIN)
