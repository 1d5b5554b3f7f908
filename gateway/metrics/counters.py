"""What a gateway counts. The hot path adds to plain integers, which are read at each scrape."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from gateway.metrics.fan_out import FanOut
from market.metrics.family import Family, counter, counters

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
    "kicks": "Connections closed because an operator kicked their subject or revoked their token.",
    "tickets_issued": "One-time tickets issued.",
    "lags": "Times that a connection stopped draining.",
    "client_reconnects": "Connections of clients that had tried before, as they say (`attempt` in the URL).",
    "aborted": "Connections cut off: slow for too long, dead, or not reading replies.",
    "bus_links": "Links to the bus made so far.",
    "numberings_begun": "Times that a symbol continued with a lower seq, because nothing else came for 3 s.",
    "ticks_resumed": "Ticks written to clients that asked for what they had missed.",
    "gaps": "Messages of type gap: what a client had missed was not in the history.",
    "ticks_missed": "Ticks that a faulty link to the bus did not deliver, by their numbers.",
}

_LABELLED: Final = {
    "tokens_refused": ("reason", "Tokens in messages that were not valid."),
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


class Refusal(Protocol):
    """What is counted of a `gateway.errors.RefusalError`."""

    status: int
    reason: str
    code: str


class Counters:
    """All counters."""

    def __init__(self, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        """``now_us`` is the time in microseconds since the Unix epoch."""
        self.fan_out = FanOut(now_us)
        self.ticks_received = 0
        self.ticks_old = 0
        self.stats_received = 0
        self.ticks_sent = 0
        self.ticks_conflated = 0
        self.states_sent = 0
        self.connections_accepted = 0
        self.connections_refused: Counter[str] = Counter()
        """By reason."""
        self.unauthorised: Counter[str] = Counter()
        """Those of them without a good token or ticket, by `gateway.errors.RefusalError.code`."""
        self.handshakes_cut_off = 0
        self.messages_received = 0
        self.messages_refused: Counter[str] = Counter()
        """By whose rate: ``connection``, ``subject`` or ``address``."""
        self.kicks = 0
        self.tickets_issued = 0
        self.tokens_refused: Counter[str] = Counter()
        """By `gateway.auth.grant.Code`."""
        self.client_reconnects = 0
        self.errors_sent: Counter[str] = Counter()
        """By `gateway.protocol.error_codes.ErrorCode`: every limit that clients meet shows here by name."""
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

    def refused(self, refusal: Refusal) -> None:
        """A connection or a request was refused."""
        self.connections_refused[refusal.reason] += 1
        if refusal.status == 401:
            self.unauthorised[refusal.code] += 1

    def families(self) -> Iterator[Family]:
        """Every counter, as of now."""
        for name, meaning in _COUNTERS.items():
            yield counter(f"tickgate_{name}", meaning, getattr(self, name))
        for name, (label, meaning) in _LABELLED.items():
            values = ((value.lower(), count) for value, count in getattr(self, name).items())
            yield counters(f"tickgate_{name}", meaning, label, values)
        text = "Bytes of prices and states written to clients; handshakes, answers and pings are not counted."
        yield counter("tickgate_bytes_sent", text, self.fan_out.bytes_sent)
