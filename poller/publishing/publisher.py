"""Publishes ticks and heartbeats, and keeps the newest ticks while the bus is down."""

import asyncio
import logging
import random
from collections.abc import Callable

from market.bus import Bus, BusDownError, LeaseLostError
from market.prices.tick import Tick
from market.prices.venues import DEFAULT_VENUE
from market.process.pacing import Pacing
from market.process.reasons import Reasons
from market.wire.status import Heartbeat
from poller.log_events import BUS_BACK, BUS_DOWN, LEAD_YIELDED
from poller.publishing.heartbeat import HeartbeatSchedule
from poller.publishing.leadership import STAND_BY_S, TTL_S, Lead
from poller.publishing.measures import Measures
from poller.publishing.send_buffer import SendBuffer
from poller.publishing.sequencer import Sequencer
from poller.publishing.slow_topics import SlowTopics
from poller.publishing.tick_batches import TickBatches
from poller.publishing.waiting import wait_until
from poller.source import LinkState
from poller.states import SymbolStates

logger = logging.getLogger(__name__)

RETRY_S = 1.0
"""From a failed publish to the next attempt, give or take a fifth."""
MAX_BATCH = 1_000
"""Ticks in one publish: some 200 KB, some milliseconds of the bus's time."""
BUSY_S = 0.001
"""Between two publishes of a busy feed. A publish costs the bus and each gateway the same for one tick and for ten."""
BUSY_AFTER = 50
"""A feed is busy once it has published so often more than that."""


class Publisher:
    """Sends every tick in order while it leads and the bus is up. It begins with the newest tick of each symbol.

    Ticks that arrive during a publish are sent together in the next one, and a busy feed publishes once in `BUSY_S`. So
    batches are small in a quiet market and large in a busy one.
    """

    def __init__(
        self,
        bus: Bus,
        state: Callable[[], LinkState],
        states: SymbolStates,
        lead: Lead,
        sequencer: Sequencer,
        slow_topics: SlowTopics | None = None,
        *,
        now_us: Callable[[], int],
        rng: random.Random,
        venue: str = DEFAULT_VENUE,
        symbol_channels: bool = True,
    ) -> None:
        """Send to ``bus`` while `run` runs and ``lead`` has the lease; between ticks, what is due of ``slow_topics``.

        Heartbeats carry the result of ``state``, and the changes in ``states``. With ``symbol_channels`` each tick is
        also sent on its symbol's own topic.
        """
        self._bus, self._state = bus, state
        self._lead = lead
        self._sequencer = sequencer
        self._slow_topics = slow_topics
        self._now_us = now_us
        self._rng = rng
        self._send_buffer = SendBuffer()
        self._batches = TickBatches(bus.broker.partitions, symbol_channels=symbol_channels, venue=venue)
        self._heartbeats = HeartbeatSchedule(state, states, now_us, venue, self._batches.layout)
        self._pacing = Pacing(BUSY_S, BUSY_AFTER)
        self._rest_until = 0.0
        """When the next publish may begin, by the event loop's time."""
        self.leading = False
        """Whether ticks are sent as they arrive: no other poller leads, and the bus is up."""
        self.standing_by = False
        """Whether another poller leads."""
        self._try_at = 0.0
        """When to try to lead, by the event loop's time."""
        self._before_heartbeat: int | None = None
        """The number of waiting ticks to send before the due heartbeat; None while none is due."""
        self.down_since: float | None = None
        """Since when the bus does not answer, by the event loop's time."""
        self._repeat, self._reasons = False, Reasons()
        self._stopping, self._wake, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.measures = Measures(now_us)
        self.published = 0
        """Ticks that the bus took; a tick sent again after an outage counts once."""
        self.failures = 0
        """Publishes and attempts to lead that the bus refused or did not answer; a lost lease is no failure."""
        self.heartbeats = 0
        """Heartbeats that the bus took."""

    @property
    def waiting(self) -> int:
        """The number of ticks that are still to be sent."""
        return 0 if self.standing_by else self._send_buffer.waiting + self._send_buffer.missed

    @property
    def conflated(self) -> int:
        """Ticks that a newer one of their symbol replaced before the bus took them."""
        return self._send_buffer.conflated

    def newest(self, symbol: str) -> Tick | None:
        """The newest tick of ``symbol``, sent or not; None before the first."""
        return self._send_buffer.newest(symbol)

    def put(self, tick: Tick) -> None:
        """Queue ``tick`` behind all earlier ones. Returns at once."""
        if self.leading:
            self._send_buffer.append(tick)
            if self._send_buffer.waiting > MAX_BATCH:
                self._room.clear()
            self._wake.set()
        elif self.standing_by:
            self._send_buffer.keep(tick)
        else:
            self._send_buffer.miss(tick)

    async def room(self) -> None:
        """Wait until we lead and the bus has taken nearly all ticks."""
        await self._room.wait()

    def forget(self, symbol: str) -> None:
        """Send nothing more of ``symbol``."""
        self._send_buffer.forget(symbol)

    def stop(self) -> None:
        """Make `run` send the waiting ticks and a last heartbeat, and return."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Publish until `stop`. A bus that is down never ends it."""
        loop = asyncio.get_running_loop()
        self._heartbeats.due_at = self._try_at = loop.time()
        while not self._stopping.is_set():
            if self.leading:
                await self._continue()
            elif not await wait_until(self._stopping, self._try_at):
                await self._begin(self._heartbeats.heartbeat)
        await self._say_goodbye()

    async def _begin(self, make_heartbeat: Callable[[], Heartbeat]) -> None:
        """Lead, if no other poller does, and send the newest tick of every symbol.

        The bus may have come back empty, or its last values may be another poller's.
        """
        try:
            self.standing_by = not await self._lead.take(fit=self._state().link == "up")
        except BusDownError as error:
            self._fail(error)
            return
        if self.standing_by:
            self._recover()
            self._pause(STAND_BY_S)
            return
        self._batches.begin(self._lead.term)
        after_outage = self.down_since is not None
        missed = self._send_buffer.take_missed()
        self._heartbeats.begin()
        newest = {symbol: self._sequencer.renew(tick) for symbol, tick in (self._send_buffer.sent | missed).items()}
        if not await self._publish(list(newest.values()), make_heartbeat()):
            self._send_buffer.put_back(missed)
            return
        # A server that was frozen still processes older writes, which may overwrite these values. It has finished
        # them by the next heartbeat, so that one repeats the values.
        self._repeat = after_outage
        self.published += len(missed)
        self._send_buffer.begin(newest)
        if self._slow_topics is not None:
            self._slow_topics.begin()
        self.leading = True
        self.measures.takeovers += 1
        self._room.set()

    async def _continue(self) -> None:
        """Send waiting ticks, or wait for one; send a heartbeat when it is due."""
        loop = asyncio.get_running_loop()
        if not self._send_buffer.waiting:
            self._wake.clear()
            await wait_until(self._wake, self._heartbeats.look_at(loop.time()))
        if self._rest_until > loop.time():
            await wait_until(self._stopping, self._rest_until)
        if self._before_heartbeat is None and self._heartbeats.due(loop.time()):
            if self._state().link == "down" and await self._lead.has_successor() and self._heartbeats.reported_down:
                # It registered after our last heartbeat, when we were down already: our fault is not everybody's.
                await self._hand_over()
                return
            self._before_heartbeat = self._send_buffer.waiting
        await self._publish_batch(self._heartbeats.heartbeat)
        if self._slow_topics is not None and self._slow_topics.due_at <= loop.time() and self.leading:
            await self._publish_slow_topics(self._slow_topics)

    async def _hand_over(self) -> None:
        logger.warning(LEAD_YIELDED, self._state().reason)
        await self._lead.release()
        self.standing_by = True
        # Leave the other poller time to take it.
        self._pause(TTL_S)

    async def _say_goodbye(self) -> None:
        if self.leading:
            # If another poller takes over within the second, clients need not know of this end.
            last = self._heartbeats.heartbeat if await self._lead.has_successor() else self._heartbeats.final_heartbeat
            self._before_heartbeat = self._send_buffer.waiting
            while self.leading and self._before_heartbeat is not None:
                await self._publish_batch(last)
        if not self.leading and not self.standing_by:
            await self._begin(self._heartbeats.final_heartbeat)
        if self.leading:
            await self._lead.release()

    async def _publish_batch(self, make_heartbeat: Callable[[], Heartbeat]) -> None:
        """Send the first waiting ticks; send the due heartbeat once all ticks before it have gone."""
        fresh = self._send_buffer.take(MAX_BATCH)
        ticks, heartbeat = fresh, None
        if self._before_heartbeat is not None:
            self._before_heartbeat = min(max(0, self._before_heartbeat - len(fresh)), self._send_buffer.waiting)
            if self._before_heartbeat == 0:
                if self._repeat:
                    self._heartbeats.begin()
                heartbeat = make_heartbeat()
                if self._repeat:
                    renewed = {tick.symbol for tick in fresh}
                    ticks = [tick for symbol, tick in self._send_buffer.sent.items() if symbol not in renewed] + fresh
        elif not fresh:
            return
        if not await self._publish(ticks, heartbeat):
            return
        self.published += len(fresh)
        self._send_buffer.confirm()
        if heartbeat is not None:
            if self._repeat and self._slow_topics is not None:
                self._slow_topics.begin()
            self._repeat = False
        if self._send_buffer.waiting <= MAX_BATCH:
            self._room.set()

    async def _publish(self, ticks: list[Tick], heartbeat: Heartbeat | None) -> bool:
        """Publish; return whether the bus took it. If not, we do not lead any more."""
        try:
            states = None if heartbeat is None else self._heartbeats.states()
            self.measures.begin(ticks)
            await self._bus.broker.publish(self._batches.batch(ticks, heartbeat, states), token=self._lead.token)
        except BusDownError as error:
            self._fail(error)
            return False
        except LeaseLostError:
            self._lead.lost()
            self._pause(STAND_BY_S)
            return False
        self.measures.taken(ticks)
        self._recover()
        now = asyncio.get_running_loop().time()
        self._rest_until = now + self._pacing.wait_s(now)
        if heartbeat is not None:
            self.heartbeats += 1
            self._before_heartbeat = None
            self._sequencer.look(self._now_us() // 1_000)
            self._heartbeats.sent(heartbeat, now)
        return True

    async def _publish_slow_topics(self, slow_topics: SlowTopics) -> None:
        """Publish what is due of them. If only these are refused, ticks go on."""
        try:
            await self._bus.broker.publish(slow_topics.take(), token=self._lead.token)
        except BusDownError as error:
            slow_topics.refuse(error)
        except LeaseLostError:
            self._lead.lost()
            self._pause(STAND_BY_S)
        else:
            slow_topics.confirm()

    def _fail(self, error: BusDownError) -> None:
        """The bus is down."""
        self.failures += 1
        if self._reasons.is_new(str(error), anew=self.down_since is None):
            logger.warning(BUS_DOWN, self._bus.name, error)
        if self.down_since is None:
            self.down_since = asyncio.get_running_loop().time()
        self._pause(RETRY_S)

    def _recover(self) -> None:
        """The bus has answered."""
        if self.down_since is not None:
            logger.info(BUS_BACK, self._bus.name, asyncio.get_running_loop().time() - self.down_since)
            self.down_since = None
            self.measures.bus_reconnects += 1

    def _pause(self, seconds: float) -> None:
        """Stop leading; try again in this many seconds, give or take a fifth."""
        self.leading = False
        self._send_buffer.stop()
        self._room.clear()
        self._before_heartbeat = None
        self._try_at = asyncio.get_running_loop().time() + seconds * self._rng.uniform(0.8, 1.2)
