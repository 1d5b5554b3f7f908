"""Bus → last values → hub, and the truth about whether prices are being heard.

Two questions, asked apart. Is the link to the bus alive? It is pinged each second, anything received
counts, and after `QUIET_S` of nothing it is torn down and made anew. Is the poller alive and hearing
the exchange? `QUIET_S` without a beat, or a beat that says otherwise, and prices may be old, but the
link is left alone. Prices are live when both answers are yes, and nothing says that ticks do not pass.

A link may live and yet be of no use: its other end is not where prices are any more, or it carries beats
and no ticks (`gateway.fanout.feed.delivery`). Such a link is made anew too, which dials the address again; but seldom,
for it may not be the link's fault, and without a word to clients, to whom all of this is one `stale`.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.fanout.feed.intake import Intake
from gateway.fanout.feed.refusals import Refusals
from gateway.fanout.feed.states import SymbolStates
from gateway.fanout.feed.states_reader import StatesReader
from gateway.fanout.feed.usefulness import Usefulness
from gateway.metrics import Counters
from gateway.protocol.forms import FramedTick
from gateway.protocol.messages import Status
from market.bus import Bus, BusDownError, Message, Receiver, Subscription
from market.codec import CodecError, decode_beat
from market.status import Beat
from market.symbols import Symbols
from market.topics import HEARTBEAT, last_states, last_ticks, tick_topic

QUIET_S: Final = 3.0
"""Silence for so long is a fault: three beats, or three pings."""

NO_LINK: Final = "no link to the bus"

_PING_S: Final = 1.0
_LOOK_S: Final = 0.25
_FIRST_RETRY_S: Final = (0.0, 0.5)
"""From the end of a link to the first try to make another, at random, as gateways are many."""
_RETRY_S: Final = (1.5, 3.0)
"""Between two further ones."""

logger = logging.getLogger(__name__)


class Feed:
    """A gateway's end of the bus."""

    def __init__(
        self,
        bus: Bus,
        symbols: Symbols,
        last: dict[str, FramedTick],
        states: SymbolStates,
        publish: Callable[[FramedTick], None],
        broadcast: Callable[[Status], None],
        counters: Counters,
        *,
        now_us: Callable[[], int],
        rng: random.Random,
    ) -> None:
        """``last`` is kept up to date: symbol → newest tick. Each new one then goes to ``publish``.

        ``broadcast`` is told of every change of `status`, after the ticks that came before it.
        ``now_us`` is the time in microseconds since the Unix epoch.
        """
        self._bus = bus
        self._symbols = symbols
        self._states = states
        self._broadcast = broadcast
        self._counters = counters
        self._now_us = now_us
        self._rng = rng
        self._beat: Beat | None = None
        self._beat_at = 0.0
        self._beat_us = 0
        # None while no link is up and refreshed; then the loop's time since when one is.
        self._linked_at: float | None = None
        self._refuse = Refusals(counters)
        self._intake = Intake(symbols, last, publish, self._refuse, counters, now_us=now_us)
        self.tick_received = self._intake.tick_received
        """See `Intake.tick_received`."""
        # Done when the link is of other symbols than those to be heard.
        self._relink: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._usefulness = Usefulness(
            bus.last_values, symbols, last, states.state_of, self._intake.highest_seq, counters, rng
        )
        # Whether a living link was ended on purpose, and there is no new one yet.
        self._renewing = False
        self._states_reader = StatesReader(bus.last_values, states, self._refuse, self._look)
        self._outdated_at = 0.0
        self.ready = False
        """Whether the last values were ever read, so that a snapshot means something."""
        self.status = Status(feed="stale", reason=NO_LINK, source="", since_us=now_us())
        """What clients are told."""

    def serve(self, symbols: Symbols) -> None:
        """Hear ``symbols``, and no others, from now on. A new link comes before the old one ends: prices stay live."""
        before, now = frozenset(self._symbols), frozenset(symbols)
        self._symbols = symbols
        self._intake.serve(symbols)
        self._states.serve(symbols)
        self._usefulness.serve(symbols)
        if before != now:
            self._want_relink()

    def _want_relink(self) -> None:
        if not self._relink.done():
            self._relink.set_result(None)

    async def run(self) -> None:
        """Hear the bus until cancelled."""
        loop = asyncio.get_running_loop()
        told = False
        hurry_from = loop.time()
        while True:
            reason = await self._hear()
            if self._renewing and self._linked_at is not None:
                logger.warning("bus link of no use (%s): %s; making it anew", self._bus.name, reason)
                self._linked_at = None
                continue
            if self._renewing or self._linked_at is not None or not told:
                told = True
                logger.warning("no bus link (%s): %s; trying again until there is one", self._bus.name, reason)
            pause_s = _RETRY_S
            # A bus that ends links as fast as they are made is not asked for more at once, again and again.
            if self._linked_at is not None and loop.time() >= hurry_from:
                pause_s = _FIRST_RETRY_S
                hurry_from = loop.time() + 2 * QUIET_S
            self._linked_at = None
            self._renewing = False
            # Clients are not told the reason: it may name hosts that are none of their business.
            self._look()
            await asyncio.sleep(self._rng.uniform(*pause_s))

    async def _hear(self) -> str:
        """Hear the bus over one link, and return why it ended."""
        link: Subscription | None = None
        try:
            link = await self._subscribe()
            await self._read_store()
            self._renewing = False
            self._linked_at = self._outdated_at = now = asyncio.get_running_loop().time()
            self._usefulness.linked(now)
            self._counters.bus_links += 1
            self.ready = True
            logger.info("bus link up: %s", self._bus.name)
            while (reason := await self._watch(link)) is None:
                try:
                    old, link = link, await self._subscribe()
                except BusDownError as error:
                    # The old one still brings what it is of.
                    logger.warning("no bus link for other symbols (%s): %s; trying again", self._bus.name, error)
                    asyncio.get_running_loop().call_later(_PING_S, self._want_relink)
                else:
                    old.close()
                    await self._read_store()
                    self._usefulness.linked(asyncio.get_running_loop().time())
        except BusDownError as error:
            return str(error)
        else:
            return reason
        finally:
            self._usefulness.unlinked()
            self._states_reader.cancel()
            self._intake.unlinked()
            if link is not None:
                link.close()

    async def _subscribe(self) -> Subscription:
        self._relink = asyncio.get_running_loop().create_future()
        topics = {tick_topic(symbol): symbol for symbol in self._symbols}
        return await self._bus.broker.subscribe([HEARTBEAT, *topics], self._receiver(topics))

    async def _read_store(self) -> None:
        # Not those of others: there may be any number of them.
        store = self._bus.last_values
        values, states = await last_ticks(store, self._symbols), await last_states(store)
        self._usefulness.count_missed(values)
        # Only what is newer than what the link has already brought changes anything.
        self._intake.take_stored(values)
        self._states_reader.take(states)

    async def _watch(self, link: Subscription) -> str | None:
        """Look after ``link``. Returns why it has ended, or None where one of other symbols is wanted."""
        loop = asyncio.get_running_loop()
        ping_at = loop.time()
        while not link.lost.done():
            now = loop.time()
            if now >= ping_at:
                link.ping()
                ping_at = now + _PING_S
            self._states_reader.read_if_due(now)
            reason = self._usefulness.judge(now, self._beat_at, beating=self._is_beating(now))
            self._states.unreadable(self._usefulness.unreadable)
            self._look()
            if reason:
                self._renewing = True
                return reason
            await asyncio.wait((link.lost, self._relink), timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            if self._relink.done() and not link.lost.done():
                return None
            if loop.time() - link.received_at >= QUIET_S:
                return f"nothing heard for {QUIET_S:g} s"
        return link.lost.result()

    def _receiver(self, topics: Mapping[str, str]) -> Receiver:
        """What takes the messages of a link; ``topics`` has the symbol of each topic of ticks."""
        # A closure, and not a method with one argument bound: this runs for every read from the bus.
        symbol_of, tick_received, beat_received = topics.get, self.tick_received, self.beat_received

        def receive(batch: Sequence[Message]) -> None:
            for topic, payload in batch:
                if symbol := symbol_of(topic):
                    tick_received(symbol, payload)
                else:
                    beat_received(payload)

        return receive

    def beat_received(self, payload: bytes) -> None:
        """Take a heartbeat, or what came as one."""
        try:
            self._beat = decode_beat(payload)
        except CodecError as error:
            self._refuse("not_a_beat", str(error))
            return
        self._beat_at = now = asyncio.get_running_loop().time()
        self._beat_us = self._now_us()
        outdated = self._states.outdated
        if self._beat.states or self._beat.link == "up":
            # A poller that has just begun knows of no symbol yet; what is told of them stays until it does.
            self._states.heard(self._beat.states)
        if self._states.outdated and not outdated:
            self._outdated_at = now
        if self._linked_at is not None:
            self._states_reader.read_if_due(now)
        self._look()

    def _is_beating(self, now: float) -> bool:
        """Whether beats come over this link."""
        return self._linked_at is not None and self._beat_at >= self._linked_at and now - self._beat_at < QUIET_S

    def _look(self) -> None:
        """Work out what clients should be told, and tell them where it has changed."""
        now = asyncio.get_running_loop().time()
        self._intake.begin_anew(now)
        beat = self._beat
        source = beat.source if beat else ""
        if self._linked_at is None:
            if self._renewing:
                # On purpose, and clients know already what is wrong.
                return
            status = Status(feed="stale", reason=NO_LINK, source=source, since_us=self._now_us())
        elif beat is None or not self._is_beating(now):
            if now - max(self._linked_at, self._beat_at) < QUIET_S and self.status.feed == "stale":
                # The link is new; the next beat tells.
                return
            since_us = self._beat_us or self._now_us()
            status = Status(feed="stale", reason="the poller is silent", source=source, since_us=since_us)
        elif beat.link == "down":
            reason = beat.reason or "the exchange is silent"
            status = Status(feed="stale", reason=reason, source=source, since_us=beat.since_us)
        elif problem := self._usefulness.problem:
            status = Status(feed="stale", reason=problem, source=source, since_us=self._now_us())
        elif self.status.feed == "stale" and self._states.outdated and now - self._outdated_at < QUIET_S:
            # What has changed of single symbols meanwhile is told first.
            return
        else:
            status = Status(feed="live", reason=beat.reason, source=source, since_us=self._now_us())
        told = self.status
        if (status.feed, status.reason, status.source) == (told.feed, told.reason, told.source):
            return
        if status.feed == told.feed == "live":
            status.since_us = told.since_us
        self.status = status
        logger.info("prices are %s (%s) %s", status.feed, status.source or "no source", status.reason)
        self._broadcast(status)
