"""Ticks that wait for the bus: all in order while it takes them, else the newest of each symbol."""

from collections import deque
from collections.abc import Iterable

from market.prices.tick import Tick

MAX_WAITING = 50_000
"""The most ticks that wait for a bus that is up but slow: five seconds of the fastest feed."""


class SendBuffer:
    """Ticks that were sent, that wait, and that were missed (not sent when they came). No I/O."""

    def __init__(self) -> None:
        self._waiting: deque[Tick] = deque()
        self._taken: list[Tick] = []
        self._missed: dict[str, Tick] = {}
        self.sent: dict[str, Tick] = {}
        """The newest sent tick of each symbol."""
        self.conflated = 0
        """Ticks that a newer one of their symbol replaced before they were sent."""

    @property
    def waiting(self) -> int:
        """The number of waiting ticks."""
        return len(self._waiting)

    @property
    def missed(self) -> int:
        """The number of symbols with a missed tick."""
        return len(self._missed)

    def newest(self, symbol: str) -> Tick | None:
        """The newest tick of ``symbol`` that was sent or missed; one that waits is not looked for."""
        return self._missed.get(symbol) or self.sent.get(symbol)

    def append(self, tick: Tick) -> None:
        """Queue ``tick``; past `MAX_WAITING` ticks only the newest of each symbol stays."""
        self._waiting.append(tick)
        if len(self._waiting) > MAX_WAITING:
            newest = _newest(self._waiting)
            self.conflated += len(self._waiting) - len(newest)
            self._waiting = deque(newest.values())

    def miss(self, tick: Tick) -> None:
        """Keep ``tick`` for later, in place of an older one of its symbol."""
        if tick.symbol in self._missed:
            self.conflated += 1
        self._missed[tick.symbol] = tick

    def keep(self, tick: Tick) -> None:
        """Like `miss`, for a tick that another poller sends: the replaced tick does not count as conflated."""
        self._missed[tick.symbol] = tick

    def take(self, count: int) -> list[Tick]:
        """Take the first ``count`` waiting ticks; then call `confirm` or `stop`."""
        self._taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        return self._taken

    def confirm(self) -> None:
        """The taken ticks were sent."""
        self.sent.update(_newest(self._taken))
        self._taken = []

    def stop(self) -> None:
        """Sending has stopped: taken and waiting ticks become missed ones."""
        for tick in (*self._taken, *self._waiting):
            self.miss(tick)
        self._taken = []
        self._waiting.clear()

    def take_missed(self) -> dict[str, Tick]:
        """Take the missed ticks, to send them with all others; then call `begin` or `put_back`."""
        missed, self._missed = self._missed, {}
        return missed

    def put_back(self, missed: dict[str, Tick]) -> None:
        """The missed ticks could not be sent; ticks that came meanwhile are newer."""
        newer, self._missed = self._missed, missed
        for tick in newer.values():
            self.miss(tick)

    def forget(self, symbol: str) -> None:
        """Send nothing more of ``symbol``; taken ticks may be on their way."""
        self.sent.pop(symbol, None)
        self._missed.pop(symbol, None)
        self._waiting = deque(tick for tick in self._waiting if tick.symbol != symbol)

    def begin(self, newest: dict[str, Tick]) -> None:
        """The newest tick of every symbol was sent; ticks missed meanwhile go next."""
        self.sent = newest
        self._waiting.extend(self._missed.values())
        self._missed = {}


def _newest(ticks: Iterable[Tick]) -> dict[str, Tick]:
    return {tick.symbol: tick for tick in ticks}
