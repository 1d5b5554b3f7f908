"""What Prometheus reads of a poller, as it is at the moment of a scrape."""

from collections.abc import Callable, Iterator, Mapping

from market.metrics.family import Family, counter, counters, gauge, gauges, histogram, histograms
from market.metrics.histogram import Histogram
from market.metrics.process import process_families
from poller.publishing.publisher import Publisher
from poller.publishing.slow_topics import SlowTopics
from poller.source import LinkState
from poller.states import SymbolStates

_P = "tickgate_poller"


class PollerFamilies:
    """Reads the plain integers of the other parts at each scrape."""

    def __init__(
        self,
        publisher: Publisher,
        state: Callable[[], LinkState],
        states: SymbolStates,
        slow_topics: SlowTopics,
        *,
        now_us: Callable[[], int],
        loop_lag: Histogram,
        drops: Callable[[], Mapping[str, int]],
        left_out: Callable[[], Mapping[str, int]],
        source_counters: Callable[[], Mapping[str, int]],
        most_symbols: int = 2_000,
    ) -> None:
        """Each callable is called at each scrape; its mapping may get new keys.

        Figures of single symbols are for the first ``most_symbols``.
        """
        self._publisher = publisher
        self._state = state
        self._states = states
        self._slow_topics = slow_topics
        self._now_us = now_us
        self._loop_lag = loop_lag
        self._drops = drops
        self._left_out = left_out
        self._source_counters = source_counters
        self._most_symbols = most_symbols

    def __iter__(self) -> Iterator[Family]:
        yield from process_families(_P)
        yield from self._publishing()
        yield from self._exchange()
        yield from self._slow()
        yield from self._symbols()
        text = "How late the event loop was when it was to wake up, four times a second."
        yield histogram(f"{_P}_loop_lag_seconds", text, self._loop_lag)

    def _publishing(self) -> Iterator[Family]:
        publisher, measures = self._publisher, self._publisher.measures
        yield counter(f"{_P}_ticks_published", "Ticks that the bus took.", publisher.published)
        text = "Ticks replaced by a newer one before they were sent."
        yield counter(f"{_P}_ticks_conflated", text, publisher.conflated)
        yield counter(f"{_P}_publish_failures", "Publishes that the bus did not confirm.", publisher.failures)
        yield counter(f"{_P}_beats", "Heartbeats that the bus took.", publisher.heartbeats)
        text = "Whether this poller is the one that publishes: it has the lease, and the bus answers."
        yield gauge(f"{_P}_leading", text, publisher.leading)
        text = "Times that this poller began to publish: when it started, took over, or the bus was back."
        yield counter(f"{_P}_takeovers", text, measures.takeovers)
        yield counter(f"{_P}_bus_reconnects", "Times that the bus answered again.", measures.bus_reconnects)
        yield gauge(f"{_P}_ticks_waiting", "Ticks that wait for the bus.", publisher.waiting)
        text = "Time until the bus had taken a publish."
        yield histogram(f"{_P}_publish_seconds", text, measures.publish_s)
        yield histogram(f"{_P}_publish_ticks", "Ticks in a publish.", measures.publish_ticks)
        text = (
            "Age of prices: exchange, when they came, since the exchange's own time; poller, when they were given to"
            " the bus, and bus, when it had taken them, both since they came. Below zero, as clocks differ, is zero."
        )
        yield histograms(f"{_P}_tick_age_seconds", text, "stage", measures.ages)

    def _exchange(self) -> Iterator[Family]:
        state, counts = self._state(), self._source_counters()
        text = "Whether prices arrive from the exchange."
        yield gauges(f"{_P}_link_up", text, "source", [(state.source, state.link == "up")])
        text = "Connections to the exchange that replaced an earlier one."
        yield counter(f"{_P}_exchange_reconnects", text, counts.get("reconnects", 0))
        yield counter(f"{_P}_bans", "Times that the exchange forbade all requests.", counts.get("bans", 0))
        text = "Until when the exchange has forbidden all requests, Unix seconds; 0: never so far."
        yield gauge(f"{_P}_banned_until_timestamp_seconds", text, counts.get("banned_until_s", 0))
        # A gauge, because some can fall: Binance's used weight starts at zero each minute.
        yield gauges(f"{_P}_source", "What the source itself counts.", "counter", counts.items())
        yield counters(f"{_P}_updates_dropped", "Updates that made no tick.", "reason", self._drops().items())
        text = "Fields that a tick had to do without: unreadable, or without room beside its bid and ask."
        yield counters(f"{_P}_fields_left_out", text, "field", self._left_out().items())

    def _slow(self) -> Iterator[Family]:
        slow_topics = self._slow_topics
        text = "Figures of 24 hours that the bus took, each symbol counted."
        yield counter(f"{_P}_stats_published", text, slow_topics.published)
        text = "Figures of 24 hours that were not published, and single ones that were left out."
        yield counters(f"{_P}_stats_dropped", text, "reason", slow_topics.drops.items())

    def _symbols(self) -> Iterator[Family]:
        yield gauges(f"{_P}_symbols", "Symbols by their state.", "state", self._states.counts().items())
        up = self._state().link == "up"
        states = self._states.first(self._most_symbols)
        text = "1 while a symbol's prices are live."
        yield gauges(
            f"{_P}_symbol_live", text, "symbol", ((one, up and state == "live") for one, state in states.items())
        )
        now_us, newest = self._now_us(), self._publisher.newest
        ticks = ((symbol, tick) for symbol in states if (tick := newest(symbol)) is not None)
        text = "Time since the newest tick of a symbol came. A quiet symbol is not a broken one."
        ages = ((symbol, max(0, now_us - tick.recv_us) / 1e6) for symbol, tick in ticks)
        yield gauges(f"{_P}_symbol_tick_age_seconds", text, "symbol", ages)
