"""The gateways of a simulated storm: who is chosen, what each takes, and what it refuses."""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one gateway can do, and what its settings allow."""

    handshakes_per_s: float = 2_500.0
    """Handshakes with a first subscribe that one core serves (`bench.capacity.unit_costs`), with room for its ticks."""
    max_handshakes: int = 4_000
    """``MAX_HANDSHAKES``: connections that wait for theirs."""
    max_connections: int = 20_000
    """``MAX_CONNECTIONS``."""
    address_per_s: float = 100.0
    """``MAX_CONNECT_RATE_PER_IP``."""
    address_burst: float = 1_000.0
    shared: bool = False
    """Whether the rate of an address holds for all gateways together, as a front's does."""


class Handshakes:
    """Every gateway's connections, and its queue of handshakes."""

    def __init__(self, gateways: int, limits: Limits, connections: int) -> None:
        """``connections``: those that each has at the beginning, which stay."""
        self._limits = limits
        self._service_s = 1 / limits.handshakes_per_s
        self._free_at = [0.0] * gateways
        self._came: list[list[float]] = [[] for _ in range(gateways)]
        self.connections = [connections] * gateways

    def came(self, gateway: int, now: float) -> None:
        """A connection has come, whatever becomes of it."""
        self._came[gateway].append(now)

    def has_room(self, gateway: int, now: float) -> bool:
        """Whether its limits allow one more."""
        waiting = (self._free_at[gateway] - now) / self._service_s
        return waiting < self._limits.max_handshakes and self.connections[gateway] < self._limits.max_connections

    def serve(self, gateway: int, now: float) -> float:
        """When a handshake that came ``now`` is done: after all that came before."""
        self._free_at[gateway] = done = max(now, self._free_at[gateway]) + self._service_s
        return done

    def peak(self, seconds: float) -> int:
        """The most connections that came to one gateway within any window of so many seconds."""
        most = 0
        for times in self._came:
            start = 0
            for end, moment in enumerate(times):
                while times[start] <= moment - seconds:
                    start += 1
                most = max(most, end - start + 1)
        return most


class Chooser:
    """The front's choice of a gateway: any, or the one with the fewest connections."""

    def __init__(self, connections: list[int], rng: random.Random, *, by_load: bool) -> None:
        """``connections`` is read at each choice."""
        self._connections, self._rng = connections, rng
        self._heap = [(count, rng.random(), gateway) for gateway, count in enumerate(connections)]
        heapq.heapify(self._heap)
        self.choose: Callable[[], int] = self._least if by_load else self._any

    def _any(self) -> int:
        return self._rng.randrange(len(self._connections))

    def _least(self) -> int:
        heap, connections = self._heap, self._connections
        count, _, gateway = heap[0]
        # Its count may have grown since it was put here; a gateway never has fewer than its entry says.
        while connections[gateway] != count:
            heapq.heapreplace(heap, (connections[gateway], self._rng.random(), gateway))
            count, _, gateway = heap[0]
        # Among those with equally few the next one is another.
        heapq.heapreplace(heap, (count, self._rng.random(), gateway))
        return gateway


class Front:
    """All fronts together: connects are taken one after the other, and so many may wait in the listening sockets."""

    def __init__(self, per_s: float, backlog: int) -> None:
        """``per_s`` of 0 takes any number at once."""
        self._per_s, self._backlog = per_s, backlog
        self._free_at = 0.0

    def take(self, now: float) -> float | None:
        """When a connect that comes ``now`` is handed to a gateway; None if its SYN finds no room and is dropped."""
        if not self._per_s:
            return now
        if (self._free_at - now) * self._per_s >= self._backlog:
            return None
        self._free_at = max(now, self._free_at) + 1 / self._per_s
        return self._free_at


class Address:
    """The rate of connections of each address at each gateway: a bucket that refills."""

    def __init__(self, limits: Limits) -> None:
        self._rate, self._burst = limits.address_per_s, limits.address_burst
        self._buckets: dict[tuple[int, int], tuple[float, float]] = defaultdict(lambda: (self._burst, 0.0))

    def may(self, gateway: int, address: int, now: float) -> bool:
        """Whether this one may connect; if so, it counts."""
        tokens, since = self._buckets[gateway, address]
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        allowed = tokens >= 1
        self._buckets[gateway, address] = (tokens - allowed, now)
        return allowed
