"""The exchange's limits, and a record of who broke them."""

from collections import deque
from collections.abc import Callable

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """What Binance allows (API documents and users' reports); every interval can be shortened. In seconds."""

    weight: int = 6000
    weight_window_s: float = 60.0
    ban_s: float = 120.0
    """For going on after a 429."""
    messages: int = 5
    message_window_s: float = 1.0
    streams: int = 1024
    subscribe_streams: int = 200
    subscribe_bytes: int = 4096
    connects: int = 300
    connect_window_s: float = 300.0
    url_chars: int = 8000
    ping_s: float = 20.0
    pong_timeout_s: float = 60.0
    lifetime_s: float = 24 * 3600.0
    summary_s: float = 1.0
    """Between two summaries of a symbol on the stream."""


class Violation(Struct, frozen=True):
    """A limit that a client broke."""

    rule: str
    detail: str


class RollingCount:
    """Counts events in a strict rolling window."""

    def __init__(self, most: int, window_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._window_s = window_s
        self._clock = clock
        self._events: deque[float] = deque()

    def exceeded(self) -> bool:
        """Count one more event; whether that was one too many."""
        now = self._clock()
        self._events.append(now)
        while self._events[0] <= now - self._window_s:
            self._events.popleft()
        return len(self._events) > self._most


class Weights:
    """The request weight of one IP: counted per window, 429 beyond the limit, 418 for who goes on."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._window = 0
        self.used = 0
        self.peak = 0
        """The most that was used in any window."""
        self.stop_until = float("-inf")
        """Whoever asks before this was told to wait."""
        self.banned_until = float("-inf")

    def spend(self, weight: int) -> None:
        """Count a request."""
        window = int(self._clock() // self._limits.weight_window_s)
        if window != self._window:
            self._window, self.used = window, 0
        self.used += weight
        self.peak = max(self.peak, self.used)

    def window_left_s(self) -> float:
        """Until the count starts anew."""
        return self._limits.weight_window_s - self._clock() % self._limits.weight_window_s
