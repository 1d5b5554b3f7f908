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
from collections.abc import Mapping

from market.bus import Bus, open_bus
from market.hangup import Hangup, reload_whenever
from market.symbols import Symbols
from poller import metrics
from poller.errors import PollerError
from poller.lease import Lead
from poller.numbering import Numbering
from poller.processor import Processor
from poller.publisher import Publisher
from poller.reload import announce, effective
from poller.sense import Sense
from poller.settings import PollerSettings
from poller.sources import LinkState, Source, Update
from poller.sources.factory import open_source

logger = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def run(settings: PollerSettings, hangup: Hangup) -> None:
    """Poll until SIGTERM or SIGINT, then say good-bye on the bus. With each ``hangup`` settings are read again.

    Raises:
        PollerError: a start that cannot succeed; the message is one line.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    poller = Poller(settings, open_bus(settings.bus_url))
    read = functools.partial(PollerSettings.from_environ, os.environ)
    reloading = loop.create_task(reload_whenever(hangup.listen(), read, poller.reload))
    try:
        await poller.run(stop)
    finally:
        reloading.cancel()
        hangup.ignore()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)


class Poller:
    """One exchange, one bus, and all that is between them."""

    def __init__(self, settings: PollerSettings, bus: Bus) -> None:
        """Nothing runs before `run`."""
        self._settings = settings
        self._bus = bus
        self._rng = random.Random()  # noqa: S311 - jitter, not secrets
        self._source: Source | None = None
        self._processor: Processor | None = None
        self._sense = Sense(time.monotonic, now_us)
        wanted = settings.feed
        self._starting = LinkState(
            "binance-ws" if wanted == "auto" else wanted, "down", "the poller is starting", now_us()
        )
        self._numbering = Numbering(settings.symbols)
        lead = Lead(bus, self._numbering, owner=_our_name(), now_us=now_us)
        self.publisher = Publisher(bus, self._state, lead, self._numbering, now_us=now_us, rng=self._rng)

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until ``stop`` is set.

        Raises:
            PollerError: a start that cannot succeed.
        """
        server = None
        try:
            if port := self._settings.poller_metrics_port:
                collector = metrics.PollerCollector(self.publisher, self._state, self._drops, self._source_counters)
                server = await metrics.serve(port, collector)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.publisher.run())
                feeding = tasks.create_task(self._feed())
                await stop.wait()
                logger.info("stopping")
                feeding.cancel()
                self.publisher.stop()
        except ExceptionGroup as errors:
            match errors.exceptions:
                case [PollerError() as error]:
                    raise error from None
            raise
        finally:
            if server is not None:
                await server.cleanup()
            await self._bus.aclose()

    def reload(self, wanted: PollerSettings) -> None:
        """Go by the ``wanted`` settings from now on, as far as they can change while running."""
        before, self._settings = self._settings, effective(self._settings, wanted)
        announce(before, self._settings, wanted)
        if self._settings.symbols is not before.symbols:
            self.serve(self._settings.symbols)

    def serve(self, symbols: Symbols) -> None:
        """Poll ``symbols``, and no others, from now on."""
        # The source is made for its symbols once, at the start.
        logger.warning("the poller takes up other SYMBOLS when it is started again: %d symbols", len(symbols))

    async def _feed(self) -> None:
        """Find the source, and pass on what comes."""
        source = await open_source(self._settings, now_us=now_us, rng=self._rng, room=self.publisher.room)
        self._source = source
        scales = await source.scales()
        logger.info("feed %s, %d symbols, bus %s", source.state.source, len(scales), self._bus.name)
        processor = Processor(scales, self._numbering.take)
        self._processor = processor

        def emit(update: Update) -> None:
            tick = processor.process(update)
            if tick is not None:
                self.publisher.put(tick)
            if update.update_id is not None or update.bid is not None:
                # Summaries that make sense do not make up for quotes that do not.
                self._sense.note(processor.refused)

        await source.run(emit)
        logger.info("feed %s has ended: %s", source.state.source, source.state.reason)

    def _state(self) -> LinkState:
        if self._source is None:
            return self._starting
        state = self._source.state
        if state.link == "up" and (fault := self._sense.fault()) is not None:
            reason, since_us = fault
            return LinkState(state.source, "down", reason, since_us)
        return state

    def _drops(self) -> Mapping[str, int]:
        return {} if self._processor is None else dict(self._processor.drops.items())

    def _source_counters(self) -> Mapping[str, int]:
        return getattr(self._source, "counters", {})


def _our_name() -> str:
    """For the operator who looks at the lease: where the poller runs that leads."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def now_us() -> int:
    """Wall time, microseconds since the Unix epoch."""
    return time.time_ns() // 1_000
