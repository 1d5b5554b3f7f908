"""How much work a load is: what the parts of a system do each second, counted, without what it costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bench.scenarios import Scenario

HEARTBEAT_S = 20.0
PINGS_PER_CLIENT_S = 1 / (0.75 * HEARTBEAT_S)
"""A client is pinged after three quarters of a heartbeat (`gateway.websocket.keepalive`)."""

WARM_CLIENTS = 1_000
"""Of so many clients a processor has half at hand when it writes to them; the others' memory must be fetched."""

BUSY_PER_S = 1_000
"""A program that wakes up so often has slept before half of its wake-ups long enough for others to push its memory out
of the processor."""

Work = Mapping[str, float]
"""Kind of work → how often each second."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What clients want, and what comes in."""

    clients: float
    """Clients of all gateways together."""
    gateways: int
    each: float
    """Symbols that a client holds."""
    symbols: float
    """Symbols of the feed."""
    ticks_per_s: float
    """Ticks published, of all symbols together."""
    burst: float
    """Ticks that are published at once."""
    alike: bool = True
    """Whether all clients hold the same symbols. If not, each is written to on its own."""
    max_hz: float = 0.0
    """Clients ask for this many ticks of a symbol per second at most; 0: for all."""
    batched: bool = True
    """Whether ticks that are published at once are one message for each partition; if not, each is a message."""
    symbol_channels: bool = True
    """Whether each tick is published on its symbol's channel, too, where no gateway hears it."""
    partitions: int = 1
    links: int = 1
    """Connections of a gateway to the bus: one for each node that it reads from."""

    @property
    def flushes_per_s(self) -> float:
        """How often ticks are published."""
        return self.ticks_per_s / self.burst

    @property
    def reads_per_s(self) -> float:
        """Reads of the bus by one gateway: one for each flush and link that has something of it."""
        return self.flushes_per_s * _reached(self.links, self.burst)

    @property
    def messages_per_s(self) -> float:
        """Messages to each gateway."""
        return self.flushes_per_s * _reached(self.partitions, self.burst) if self.batched else self.ticks_per_s

    @property
    def published_per_s(self) -> float:
        """Messages published on the bus."""
        return self.messages_per_s + (self.ticks_per_s if self.batched and self.symbol_channels else 0)

    @property
    def hit_share(self) -> float:
        """The share of the flushes that have one of a client's symbols, if each tick of a flush has another symbol."""
        missed = 1.0
        for drawn in range(round(max(1.0, min(self.burst, self.symbols)))):
            missed *= max(0.0, self.symbols - self.each - drawn) / (self.symbols - drawn)
        return 1 - missed

    @property
    def writes_per_client_s(self) -> float:
        """Writes to one client: one for each read that has one of its symbols; with `max_hz`, at most so many."""
        writes = self.reads_per_s * self.hit_share
        return min(writes, self.max_hz) if self.max_hz else writes

    @property
    def cold_share(self) -> float:
        """The share of the clients whose memory must be fetched for a write."""
        each = self.clients / self.gateways
        return each / (each + WARM_CLIENTS)

    @property
    def ticks_per_client_s(self) -> float:
        """Ticks to one client; with `max_hz`, only the newest of each interval.

        Of a symbol that ticks at random ``r`` times a second those are ``hz (1 - e^(-r / hz))``.
        """
        of_symbol = self.ticks_per_s / self.symbols
        if self.max_hz:
            of_symbol = self.max_hz * (1 - math.exp(-of_symbol / self.max_hz))
        return of_symbol * min(self.each, self.symbols)


def _reached(places: int, thrown: float) -> float:
    """How many of ``places`` get something, on average, if so many things are thrown at random."""
    return places * (1 - math.pow(1 - 1 / places, thrown))


def _woken(times_per_s: float) -> float:
    """How many of the wake-ups of a second come after a long sleep."""
    return times_per_s * BUSY_PER_S / (BUSY_PER_S + times_per_s)


def of(scenario: Scenario, *, symbol_channels: bool = True) -> Load:
    """The load of a scenario of the bench, whose feed has a hundred symbols."""
    return Load(
        clients=scenario.clients,
        gateways=scenario.gateways,
        each=scenario.each,
        symbols=100,
        ticks_per_s=scenario.ticks_per_s,
        burst=scenario.burst,
        alike=scenario.each >= 100,
        symbol_channels=symbol_channels,
    )


def of_gateways(load: Load) -> Work:
    """All gateways together."""
    writes = load.writes_per_client_s * load.clients
    shared = min(load.reads_per_s, load.writes_per_client_s) * load.gateways
    return {
        "process": load.gateways,
        "read": load.reads_per_s * load.gateways,
        "wake": _woken(load.reads_per_s) * load.gateways,
        "tick_in": load.ticks_per_s * load.gateways,
        "write": writes,
        "cold": writes * load.cold_share,
        "tick_out": load.ticks_per_client_s * load.clients,
        # What all clients share is joined once, and else for each of them.
        "join": shared if load.alike else writes,
        "ping": load.clients * PINGS_PER_CLIENT_S,
    }


def of_front(load: Load, bytes_per_tick: float) -> Work:
    """The front, all its processes together."""
    writes = load.writes_per_client_s * load.clients
    return {
        "process": 1,
        "write": writes,
        "cold": writes * load.clients / (load.clients + WARM_CLIENTS),
        "kilobyte": load.ticks_per_client_s * load.clients * bytes_per_tick / 1000,
        "ping": load.clients * PINGS_PER_CLIENT_S,
    }


def of_bus(load: Load) -> Work:
    """The bus, all its nodes together. A read and the writes that follow it serve all that was published at once."""
    return {
        "process": 1,
        "flush": load.flushes_per_s,
        "wake": _woken(load.flushes_per_s),
        "message": load.published_per_s,
        "send": load.reads_per_s * load.gateways,
        "delivery": load.messages_per_s * load.gateways,
    }
