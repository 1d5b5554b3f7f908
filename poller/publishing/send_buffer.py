"""Ticks that wait for the bus: all of them in order while it takes them, the newest of each symbol while not."""

from collections import deque
from collections.abc import Iterable

from market.prices.tick import Tick

MAX_WAITING = 50_000
"""Ticks that may wait for a bus that is up but slow: five seconds of the fastest feed."""


class SendBuffer:
    """What was sent, what waits to be sent, and what missed its moment. Plain code without I/O."""

    def __init__(self) -> None:
        self._waiting: deque[Tick] = deque()
        self._taken: list[Tick] = []
        self._missed: dict[str, Tick] = {}
        self.sent: dict[str, Tick] = {}
        """The newest tick of each symbol that has gone out."""
        self.conflated = 0
        """Ticks that a newer one of their symbol replaced before they were sent."""

    @property
    def waiting(self) -> int:
        """Ticks that wait for their turn."""
        return len(self._waiting)

    @property
    def missed(self) -> int:
        """Symbols whose newest tick was not sent when it came."""
        return len(self._missed)

    def append(self, tick: Tick) -> None:
        """Let ``tick`` wait for its turn; past `MAX_WAITING` of them, the newest of each symbol stays."""
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
        """The same for one that somebody else sends: what it replaces was not conflated."""
        self._missed[tick.symbol] = tick

    def take(self, count: int) -> list[Tick]:
        """The first ``count`` of those that wait; then `confirm` that they were sent, or `stop`."""
        self._taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        return self._taken

    def confirm(self) -> None:
        """What was taken has gone out."""
        self.sent.update(_newest(self._taken))
        self._taken = []

    def stop(self) -> None:
        """Nothing flows any more: what was taken, or waits, is missed."""
        for tick in (*self._taken, *self._waiting):
            self.miss(tick)
        self._taken = []
        self._waiting.clear()

    def take_missed(self) -> dict[str, Tick]:
        """What was missed, to be sent with all else; then `begin`, or put it back."""
        missed, self._missed = self._missed, {}
        return missed

    def put_back(self, missed: dict[str, Tick]) -> None:
        """What was missed could not be sent; what came meanwhile is newer."""
        newer, self._missed = self._missed, missed
        for tick in newer.values():
            self.miss(tick)

    def forget(self, symbol: str) -> None:
        """Nothing of ``symbol`` is to be sent any more; what was taken may be on its way."""
        self.sent.pop(symbol, None)
        self._missed.pop(symbol, None)
        self._waiting = deque(tick for tick in self._waiting if tick.symbol != symbol)

    def begin(self, newest: dict[str, Tick]) -> None:
        """The newest tick of every symbol has gone out, and what was missed meanwhile goes next."""
        self.sent = newest
        self._waiting.extend(self._missed.values())
        self._missed = {}


def _newest(ticks: Iterable[Tick]) -> dict[str, Tick]:
    return {tick.symbol: tick for tick in ticks}
