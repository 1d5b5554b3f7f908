"""What has come and was not taken yet: of each symbol the newest, or every tick up to a bound.

A consumer that is slow gets newer ticks in place of older ones, never a backlog. One lock guards it: a reader in one
thread and a consumer in another may share it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from itertools import count
from typing import Final

from tickgate_client.events import Connected, Disconnected, Event, Gap, Problem, State, Stats
from tickgate_client.tick import Tick

QUEUE_SIZE: Final = 10_000


class Inbox:
    """Events in the order in which they came, except that a newer tick takes the place of an older one."""

    def __init__(self, queue_size: int = QUEUE_SIZE) -> None:
        """``queue_size`` bounds the ticks of symbols of which every one is wanted."""
        self._queue_size = queue_size
        self._waiting: OrderedDict[object, Event] = OrderedDict()
        self._every = 0
        """Ticks among them of which every one is wanted."""
        self._numbers = count()
        self._lock = threading.Lock()
        self.on_arrival: Callable[[], None] | None = None
        """Called once, when something comes or the stream ends; it is None again then."""
        self.conflated = 0
        """Ticks that a newer one of their symbol has replaced."""

    def __len__(self) -> int:
        return len(self._waiting)

    def newest(self, tick: Tick) -> None:
        """Put a tick in the place of an older one of its symbol."""
        with self._lock:
            self.conflated += tick.symbol in self._waiting
            self._waiting[tick.symbol] = tick
        self._arrived()

    def each(self, tick: Tick) -> None:
        """Put a tick behind all others. If there are too many, they are replaced by a gap of each symbol."""
        with self._lock:
            if self._every >= self._queue_size:
                self._give_up()
            self._waiting[next(self._numbers)] = tick
            self._every += 1
        self._arrived()

    def tell(self, event: State | Gap | Stats | Connected | Disconnected | Problem) -> None:
        """Put an event behind all others. Only the newest of each kind, and of each symbol, is kept; but every gap."""
        match event:
            case State():
                key: object = ("state", event.symbol)
            case Stats():
                key = ("stats", event.symbol)
            case Problem():
                key = ("problem", event.code)
            case Connected() | Disconnected():
                key = "link", type(event)
            case Gap():
                self._gap(event)
                return
        with self._lock:
            self._waiting.pop(key, None)
            self._waiting[key] = event
        self._arrived()

    def take(self) -> Event | None:
        """The first event, which is then no longer here; None if there is none."""
        with self._lock:
            if not self._waiting:
                return None
            key, event = self._waiting.popitem(last=False)
            self._every -= type(key) is int and isinstance(event, Tick)
            return event

    def forget(self, symbols: Collection[str]) -> None:
        """Leave out the ticks of symbols that are unsubscribed."""
        with self._lock:
            for key, event in list(self._waiting.items()):
                if isinstance(event, Tick | Stats | Gap) and event.symbol in symbols:
                    del self._waiting[key]
                    self._every -= type(key) is int and isinstance(event, Tick)

    def wake(self) -> None:
        """Call whoever waits."""
        self._arrived()

    def _arrived(self) -> None:
        on_arrival = self.on_arrival
        if on_arrival is not None:
            self.on_arrival = None
            on_arrival()

    def _gap(self, gap: Gap) -> None:
        with self._lock:
            if len(self._waiting) >= 2 * self._queue_size:
                # A gateway that tells of gaps without end.
                self._give_up()
            self._waiting[next(self._numbers)] = gap
        self._arrived()

    def _give_up(self) -> None:
        """Replace every waiting tick, and every gap, by one gap of each symbol."""
        missing: dict[str, Gap] = {}
        for key, event in list(self._waiting.items()):
            if type(key) is not int:
                continue
            assert isinstance(event, Tick | Gap)
            del self._waiting[key]
            first, last = (event.seq, event.seq) if isinstance(event, Tick) else (event.from_seq, event.to_seq)
            before = missing.get(event.symbol)
            missing[event.symbol] = Gap(event.symbol, first if before is None else before.from_seq, last, "slow")
        for symbol, gap in missing.items():
            if gap.to_seq is not None and gap.to_seq < gap.from_seq:
                # The numbering has begun anew within it.
                gap = Gap(symbol, gap.from_seq, None, "slow")
            self._waiting[next(self._numbers)] = gap
        self._every = 0
