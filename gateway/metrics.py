"""What a gateway counts, and how Prometheus reads it.

The hot path adds to plain integers. The collector reads them at each scrape.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Gauges = Mapping[str, tuple[str, Callable[[], float]]]
"""Name → meaning, and how to read the value now."""

LabelledGauges = Mapping[str, tuple[str, str, Callable[[], Mapping[str, float]]]]
"""Name → label, meaning, and how to read all values now."""

_COUNTERS: Final = {
    "ticks_received": "Ticks from the bus that were newer than the one held.",
    "ticks_old": "Ticks from the bus that were no newer than the one held.",
    "stats_received": "Figures of 24 hours from the bus, each symbol counted.",
    "ticks_sent": "Ticks, snapshots and figures of 24 hours written to clients, each client counted.",
    "ticks_conflated": "Updates that a newer one replaced before they were written: once per flush or slow consumer.",
    "states_sent": "States of symbols written to clients, each client counted.",
    "connections_accepted": "WebSocket connections ever accepted.",
    "handshakes_cut_off": "Connections without a whole request in time, or the oldest of too many.",
    "messages_received": "Messages from clients.",
    "tickets_issued": "One-time tickets issued.",
    "tokens_refused": "Tokens in messages that were not valid.",
    "lags": "Times that a connection stopped draining.",
    "aborted": "Connections cut off: slow for too long, dead, or not reading replies.",
    "bus_links": "Links to the bus made so far.",
    "numberings_begun": "Times that a symbol continued with a lower seq, because nothing else came for 3 s.",
    "ticks_resumed": "Ticks written to clients that asked for what they had missed.",
    "gaps": "Messages of type gap: what a client had missed was not in the history.",
    "ticks_missed": "Ticks that a faulty link to the bus did not deliver, by their numbers.",
}

_LABELLED: Final = {
    "closed": ("reason", "Connections that this gateway closed."),
    "connections_refused": ("reason", "Connections and requests that were refused."),
    "buffers_cut_off": ("reason", "Connections ended because of what they kept in memory."),
    "messages_refused": (
        "rate",
        "Messages and control frames beyond a connection's, subject's or address's rate.",
    ),
    "errors_sent": ("code", "Answers of type error."),
    "bus_refused": ("reason", "Bus messages that could not be used."),
    "bus_links_faulty": ("reason", "Links to the bus that were alive, delivered nothing useful, and were replaced."),
    "state_changes": ("state", "Changes of a symbol's state, by the new one."),
}
"""Name → label, and what is counted."""


class Counters:
    """All counters."""

    def __init__(self) -> None:
        self.ticks_received = 0
        self.ticks_old = 0
        self.stats_received = 0
        self.ticks_sent = 0
        self.ticks_conflated = 0
        self.states_sent = 0
        self.connections_accepted = 0
        self.connections_refused: Counter[str] = Counter()
        """By reason."""
        self.handshakes_cut_off = 0
        self.messages_received = 0
        self.messages_refused: Counter[str] = Counter()
        """By whose rate: ``connection``, ``subject`` or ``address``."""
        self.tickets_issued = 0
        self.tokens_refused = 0
        self.errors_sent: Counter[str] = Counter()
        """By `gateway.protocol.messages.ErrorCode`: every limit that clients meet shows here by name."""
        self.lags = 0
        self.aborted = 0
        self.buffers_cut_off: Counter[str] = Counter()
        """By reason: ``unread`` too long, too many ``answers``, a message ``unfinished``, or the ``budget``."""
        self.bus_links = 0
        self.bus_links_faulty: Counter[str] = Counter()
        """By reason: ``ticks_lost`` while heartbeats come, or ``silent`` except for pongs."""
        self.ticks_missed = 0
        self.ticks_resumed = 0
        self.gaps = 0
        self.numberings_begun = 0
        self.state_changes: Counter[str] = Counter()
        """By `market.wire.status.SymbolState`."""
        self.closed: Counter[str] = Counter()
        """By name in `gateway.websocket.close_codes`."""
        self.bus_refused: Counter[str] = Counter()
        """By reason."""


class GatewayCollector(Collector):
    """Reads `Counters` and gauges for Prometheus."""

    def __init__(self, counters: Counters, gauges: Gauges, labelled: LabelledGauges) -> None:
        self._counters = counters
        self._gauges = gauges
        self._labelled = labelled

    def collect(self) -> Iterator[Metric]:
        """Every metric, as of now."""
        counters = self._counters
        for name, meaning in _COUNTERS.items():
            yield CounterMetricFamily(f"tickgate_{name}", meaning, value=getattr(counters, name))
        for name, (label, meaning) in _LABELLED.items():
            family = CounterMetricFamily(f"tickgate_{name}", meaning, labels=[label])
            for value, count in getattr(counters, name).items():
                family.add_metric([value.lower()], count)
            yield family
        for name, (meaning, read) in self._gauges.items():
            yield GaugeMetricFamily(f"tickgate_{name}", meaning, value=read())
        for name, (label, meaning, read_all) in self._labelled.items():
            gauge = GaugeMetricFamily(f"tickgate_{name}", meaning, labels=[label])
            for value, number in read_all().items():
                gauge.add_metric([value], number)
            yield gauge
