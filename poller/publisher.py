"""Ticks and beats onto the bus, whatever the bus does."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable

from market.bus import Bus, BusDownError
from market.status import Beat
from market.tick import Tick
from poller.sources import LinkState

logger = logging.getLogger(__name__)

BEAT_S = 1.0
"""A gateway calls prices stale after three of these without a beat."""
RETRY_S = 1.0
"""From a failed publish to the next try, give or take a fifth."""
MAX_BATCH = 1_000
"""Ticks in one pipeline: some 200 KB, some milliseconds of the bus's time."""
MAX_WAITING = 50_000
"""Ticks that may wait for a bus that is up but slow: five seconds of the fastest feed."""
_MAX_REASON = 200
"""Characters of ``Beat.reason``."""


class Publisher:
    """Sends every tick in order while the bus is up, and the newest of each symbol when it comes back.

    What arrives while a publish is under way goes out together in the next one: alone when it is quiet,
    in large pipelines when it is busy.
    """

    def __init__(
        self, bus: Bus, state: Callable[[], LinkState], *, now_us: Callable[[], int], rng: random.Random
    ) -> None:
        """Send to ``bus`` while `run` runs; beats tell what ``state`` returns."""
        self._bus = bus
        self._state = state
        self._now_us = now_us
        self._rng = rng
        self._waiting: deque[Tick] = deque()
        self._sent: dict[str, Tick] = {}
        self._missed: dict[str, Tick] = {}
        self._before_beat: int | None = None
        """How many of `_waiting` go before the beat that is due; None while none is due."""
        self._beat_at = 0.0
        self._told: tuple[str, str] | None = None
        """What the last beat said of the link; a change of it does not wait for the next second."""
        self._down_since: float | None = None
        self._repeat = False
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self.published = 0
        """Ticks that the bus took; one sent again after an outage counts once."""
        self.conflated = 0
        """Ticks that a newer one of their symbol replaced before the bus took them."""
        self.failures = 0
        """Publishes that the bus did not confirm."""
        self.beats = 0
        """Beats that the bus took."""

    @property
    def waiting(self) -> int:
        """Ticks not yet sent."""
        return len(self._waiting) + len(self._missed)

    def put(self, tick: Tick) -> None:
        """Have ``tick`` sent, after everything that was put before it. Returns at once."""
        if self._down_since is not None:
            self._miss((tick,))
            return
        self._waiting.append(tick)
        if len(self._waiting) > MAX_WAITING:
            self._collapse()
        elif len(self._waiting) > MAX_BATCH:
            self._room.clear()
        self._wake.set()

    async def room(self) -> None:
        """Wait until the bus is there and has taken nearly all that was put."""
        await self._room.wait()

    def stop(self) -> None:
        """Make `run` send what waits, say good-bye and return."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Publish until `stop`. A bus that is down never ends it."""
        loop = asyncio.get_running_loop()
        self._beat_at = loop.time()
        while not self._stopping.is_set():
            if self._down_since is not None:
                if not await _wait(self._stopping, loop.time() + RETRY_S * self._rng.uniform(0.8, 1.2)):
                    await self._publish_newest(self._beat())
                continue
            if not self._waiting:
                self._wake.clear()
                await _wait(self._wake, self._beat_at)
            if self._before_beat is None and (loop.time() >= self._beat_at or self._link() != self._told):
                self._before_beat = len(self._waiting)
            await self._publish_batch(self._beat)
        await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        self._before_beat = len(self._waiting)
        while self._down_since is None and self._before_beat is not None:
            await self._publish_batch(self._farewell)
        if self._down_since is not None:
            await self._publish_newest(self._farewell())

    async def _publish_batch(self, make_beat: Callable[[], Beat]) -> None:
        """Send the first of what waits, and the due beat once all that was put before it has gone."""
        fresh = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        newest = _newest(fresh)
        ticks, beat = fresh, None
        if self._before_beat is not None:
            self._before_beat = max(0, self._before_beat - len(fresh))
            if self._before_beat == 0:
                beat = make_beat()
                if self._repeat:
                    ticks = [tick for symbol, tick in self._sent.items() if symbol not in newest] + fresh
        elif not fresh:
            return
        if not await self._publish(ticks, beat):
            # Oldest first: of each symbol the last one stays.
            self._miss((*fresh, *self._waiting))
            self._waiting.clear()
            return
        self.published += len(fresh)
        self._sent.update(newest)
        if beat is not None:
            self._repeat = False
        if len(self._waiting) <= MAX_BATCH:
            self._room.set()

    async def _publish_newest(self, beat: Beat) -> None:
        """Send the newest tick of every symbol ever sent: the bus may have come back empty."""
        missed, self._missed = self._missed, {}
        everything = self._sent | missed
        if not await self._publish(list(everything.values()), beat):
            newer, self._missed = self._missed, missed
            self._miss(newer.values())
            return
        # A server that was frozen still works off what reached it before, and may put older values
        # over these; by the next beat it is through with that.
        self._repeat = True
        self.published += len(missed)
        self._sent = everything
        self._waiting.extend(self._missed.values())
        self._missed.clear()
        self._room.set()

    async def _publish(self, ticks: list[Tick], beat: Beat | None) -> bool:
        """Whether the bus took it."""
        loop = asyncio.get_running_loop()
        try:
            await self._bus.publish(ticks, beat)
        except BusDownError as error:
            self.failures += 1
            if self._down_since is None:
                self._down_since = loop.time()
                self._room.clear()
                self._before_beat = None
                logger.warning("bus %s is down (%s); the newest ticks wait for it", self._bus.name, error)
            return False
        if self._down_since is not None:
            seconds = loop.time() - self._down_since
            logger.info("bus %s is back after %.1f s; %d symbols sent", self._bus.name, seconds, len(ticks))
            self._down_since = None
        if beat is not None:
            self.beats += 1
            self._before_beat = None
            self._told = beat.source, beat.link
            if loop.time() >= self._beat_at:
                # On the grid of seconds; after a time without beats on a new one.
                late = loop.time() >= self._beat_at + BEAT_S
                self._beat_at = (loop.time() if late else self._beat_at) + BEAT_S
        return True

    def _miss(self, ticks: Iterable[Tick]) -> None:
        """Keep of ``ticks`` the newest of each symbol, for when the bus is back."""
        for tick in ticks:
            if tick.symbol in self._missed:
                self.conflated += 1
            self._missed[tick.symbol] = tick

    def _collapse(self) -> None:
        newest = _newest(self._waiting)
        self.conflated += len(self._waiting) - len(newest)
        self._waiting = deque(newest.values())
        if self._before_beat is not None:
            self._before_beat = min(self._before_beat, len(newest))

    def _link(self) -> tuple[str, str]:
        state = self._state()
        return state.source, state.link

    def _beat(self) -> Beat:
        state = self._state()
        return Beat(
            source=state.source,
            link=state.link,
            reason=state.reason[:_MAX_REASON],
            since_us=state.since_us,
            sent_us=self._now_us(),
        )

    def _farewell(self) -> Beat:
        now_us = self._now_us()
        reason = "the poller was stopped"
        return Beat(source=self._state().source, link="down", reason=reason, since_us=now_us, sent_us=now_us)


def _newest(ticks: Iterable[Tick]) -> dict[str, Tick]:
    return {tick.symbol: tick for tick in ticks}


async def _wait(event: asyncio.Event, until: float) -> bool:
    """Wait for ``event``, but not past ``until`` (the event loop's time); whether it is set."""
    try:
        async with asyncio.timeout_at(until):
            await event.wait()
    except TimeoutError:
        pass
    return event.is_set()
