"""What the publisher measures: ages of ticks on their way to the bus, and its publishes."""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import UNSET

from market.metrics.histogram import Histogram, seconds
from market.prices.tick import Tick

_LARGEST: Final = 16


class Measures:
    """One observation for each publish, however many ticks it has."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        """``now_us`` is the time in microseconds since the Unix epoch."""
        self._now_us = now_us
        self._began_us = 0
        self.ages = {"exchange": seconds(9), "poller": seconds(9), "bus": seconds(9)}
        """By stage: received from the exchange, since its own time; given to the bus and taken by it, since then."""
        self.publish_s = seconds(6, 24)
        self.publish_ticks = Histogram(0, _LARGEST, unit=1)
        self.takeovers = 0
        """Times that it began to publish."""
        self.bus_reconnects = 0
        """Times that the bus answered again."""

    def begin(self, ticks: Sequence[Tick]) -> None:
        """``ticks`` are given to the bus now; the first has waited for longest."""
        self._began_us = now_us = self._now_us()
        if ticks:
            first = ticks[0]
            self.ages["poller"].observe(now_us - first.recv_us)
            if first.event_us is not UNSET:
                self.ages["exchange"].observe(first.recv_us - first.event_us)

    def taken(self, ticks: Sequence[Tick]) -> None:
        """The bus has taken them."""
        now_us = self._now_us()
        self.publish_s.observe(now_us - self._began_us)
        self.publish_ticks.observe(len(ticks))
        if ticks:
            self.ages["bus"].observe(now_us - ticks[0].recv_us)
