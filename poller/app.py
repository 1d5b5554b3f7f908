"""The composition root: puts source, processor and publisher together, and runs them."""

import asyncio
import functools
import logging
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import Iterable, Mapping

from market.bus import Bus, BusOptions, open_bus
from market.metrics.loop_lag import LoopLag
from market.process.cadence import Cadence
from market.process.service_manager import ServiceManager
from market.process.tasks import Group, end
from market.settings.hangup import Hangup, reload_whenever
from market.wire.announcing import Announcer
from poller.errors import PollerError
from poller.intake import Intake
from poller.log_events import FEED_BEGAN, FEED_ENDED, STOPPING
from poller.metrics.families import PollerFamilies
from poller.metrics.server import serve
from poller.opening import open_source
from poller.presence import present
from poller.publishing.leadership import Lead
from poller.publishing.other_pollers import OtherPollers
from poller.publishing.publisher import Publisher
from poller.publishing.sequencer import Sequencer
from poller.publishing.slow_topics import SlowTopics
from poller.quality import QualityMonitor
from poller.reload import announce, effective
from poller.settings import PollerSettings
from poller.source import LinkState, Source
from poller.states import SymbolStates

logger = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def run(settings: PollerSettings, hangup: Hangup, manager: ServiceManager) -> None:
    """Poll until SIGTERM or SIGINT, then publish a last heartbeat. Each ``hangup`` reads the settings again.

    ``manager`` hears when there are prices, and that the poller lives.

    Raises:
        PollerError: a start that cannot succeed; the message is one line.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    options = BusOptions(partitions=settings.bus_partitions, store_url=settings.store_url)
    poller = Poller(settings, open_bus(settings.bus_url, options))
    read = functools.partial(PollerSettings.from_environ, os.environ)
    reloading = loop.create_task(reload_whenever(hangup.listen(), read, poller.reload))
    reporting = loop.create_task(manager.report(lambda: poller.ready))
    try:
        await poller.run(stop)
    finally:
        manager.stopping()
        reporting.cancel()
        reloading.cancel()
        hangup.ignore()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)


class Poller:
    """One exchange, one bus, and everything between them."""

    def __init__(self, settings: PollerSettings, bus: Bus) -> None:
        """Nothing runs before `run`."""
        self._settings = settings
        self._bus = bus
        self._rng = random.Random()  # noqa: S311 - jitter, not secrets
        self._symbols = tuple(settings.symbols)
        self._source: Source | None = None
        self._intake: Intake | None = None
        self._quality = QualityMonitor(time.monotonic, now_us)
        self._loop_lag = LoopLag(Cadence(_loop_time))
        self.states = SymbolStates(now_us)
        self._starting = LinkState(settings.live_feed, "down", "the poller is starting", now_us())
        self._sequencer = Sequencer(settings.symbols)
        venue = settings.venue.name
        lead = Lead(bus, self._sequencer, owner=_our_name(), now_us=now_us, venue=venue)
        channels = settings.bus_symbol_channels == "on"
        self.slow_topics = SlowTopics(bus.broker.partitions, clock=_loop_time, symbol_channels=channels, venue=venue)
        self._other_pollers = OtherPollers(bus.broker, lead.role_changed)
        self.publisher = Publisher(
            bus,
            self._state,
            self.states,
            lead,
            self._sequencer,
            self.slow_topics,
            now_us=now_us,
            rng=self._rng,
            venue=venue,
            symbol_channels=channels,
        )

        self._announcer = Announcer(
            bus,
            lambda announcer: present(announcer, self._settings, self.publisher, self._state(), len(self._symbols)),
            now_us=now_us,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until ``stop`` is set.

        Raises:
            PollerError: a start that cannot succeed.
        """
        server = None
        try:
            if port := self._settings.poller_metrics_port:
                server = await serve(
                    self._settings.poller_metrics_host,
                    port,
                    self._families(),
                    self._unready,
                    lambda: self._settings.metrics_token,
                )
            async with Group() as tasks:
                tasks.create_task(self.publisher.run())
                feeding = tasks.create_task(self._feed())
                listening = tasks.create_task(self._other_pollers.run())
                announcing = tasks.create_task(self._announcer.run())
                measuring = tasks.create_task(self._loop_lag.run())
                await stop.wait()
                logger.info(STOPPING)
                self.publisher.stop()
                await end(feeding, announcing, listening, measuring)
        except ExceptionGroup as errors:
            match errors.exceptions:
                case [PollerError() as error]:
                    raise error from None
            raise
        finally:
            if server is not None:
                await server.cleanup()
            await self._bus.aclose()

    @property
    def ready(self) -> bool:
        """Whether it publishes, or could take over."""
        return not self._unready()

    def _families(self) -> PollerFamilies:
        return PollerFamilies(
            self.publisher,
            self._state,
            self.states,
            self.slow_topics,
            now_us=now_us,
            loop_lag=self._loop_lag.histogram,
            drops=self._drops,
            left_out=self._left_out,
            source_counters=self._source_counters,
            most_symbols=self._settings.metrics_symbols,
        )

    def _unready(self) -> str:
        """Why it neither publishes nor could take over; empty if it does or could."""
        state = self._state()
        if self.publisher.down_since is not None or not (self.publisher.leading or self.publisher.standing_by):
            return f"the bus {self._bus.name} does not answer"
        return "" if state.link == "up" else f"no prices from the exchange: {state.reason}"

    def reload(self, wanted: PollerSettings) -> None:
        """Apply those of the ``wanted`` settings that can change while running."""
        before, self._settings = self._settings, effective(self._settings, wanted)
        announce(before, self._settings, wanted)
        if self._settings.symbols is not before.symbols:
            self.serve(self._settings.symbols)

    def serve(self, symbols: Iterable[str]) -> None:
        """Publish prices of exactly these symbols from now on."""
        self._symbols = tuple(symbols)
        for symbol in self._symbols:
            self._sequencer.add(symbol, now_us() // 1_000)
        if self._source is not None and self._intake is not None:
            self._serve(self._source, self._intake)

    def _serve(self, source: Source, intake: Intake) -> None:
        wanted = frozenset(self._symbols)
        gone = [symbol for symbol in intake.symbols if symbol not in wanted]
        source.serve(self._symbols)
        for symbol in gone:
            intake.forget(symbol)
            self.publisher.forget(symbol)

    async def _feed(self) -> None:
        """Open the source and pass its updates on; then do the same for each source that takes over."""
        settings, room = self._settings, self.publisher.room
        source: Source | None = await open_source(settings, now_us=now_us, rng=self._rng, room=room)
        while source is not None:
            self._source = source
            source = await self._pass_on(source)

    async def _pass_on(self, source: Source) -> Source | None:
        """Make ticks of the updates of ``source``; return the source that takes over from it, or None."""
        self._intake, self._quality = None, QualityMonitor(time.monotonic, now_us)
        instruments = await source.instruments()
        logger.info(FEED_BEGAN, source.state.source, len(instruments), self._bus.name)
        self._intake = Intake(
            instruments,
            self._sequencer.take,
            self.publisher.put,
            self._quality,
            self.states,
            self.slow_topics,
            doubt=source.doubt,
            now_us=now_us,
        )
        if tuple(instruments) != self._symbols:
            self._serve(source, self._intake)
        successor = await source.run(self._intake)
        logger.info(FEED_ENDED, source.state.source, source.state.reason)
        if successor is not None:
            # The old source's last prices must not pass for the new one's: publish that no price is known.
            self._intake.clear()
        return successor

    def _state(self) -> LinkState:
        """The state of the feed as a whole; brings the states of the symbols up to date."""
        state = self._starting if self._source is None else self._source.state
        problem = self._quality.problem()
        self.states.settle(self._quality.problems(), up=state.link == "up" and problem is None)
        problem = problem or self.states.problem
        if state.link == "up" and problem is not None:
            return LinkState(state.source, "down", problem.reason, problem.since_us)
        return state

    def _drops(self) -> Mapping[str, int]:
        return {} if self._intake is None else dict(self._intake.processor.drops.items())

    def _left_out(self) -> Mapping[str, int]:
        return {} if self._intake is None else dict(self._intake.processor.left_out)

    def _source_counters(self) -> Mapping[str, int]:
        return getattr(self._source, "counters", {})


def _our_name() -> str:
    """The owner's name in the lease: it shows an operator where the leading poller runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def now_us() -> int:
    """Wall time, microseconds since the Unix epoch."""
    return time.time_ns() // 1_000
