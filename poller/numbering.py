"""The seq of every tick: above all that was published of its symbol, by whichever poller."""

import logging
from collections.abc import Iterable, Mapping

from msgspec import structs

from market.codec import CodecError, decode_tick
from market.tick import MAX_EXACT, Tick

logger = logging.getLogger(__name__)

GAP = 10_000
"""What the fastest feed publishes of one symbol in a second, which is longer than from one look at the last values
to the next."""


class Numbering:
    """The next seq of each symbol; it only grows.

    The bus holds the seq of the newest tick there is, so who takes the lead goes on right above that, whatever its
    clock says. Only where the bus has lost it, what was seen last counts, with a gap for what was published since;
    and the clock, for who has seen nothing: nobody publishes a thousand ticks of one symbol each second for long, so
    numbers that began with the time in milliseconds stay behind it.
    """

    def __init__(self, symbols: Iterable[str], start_ms: int) -> None:
        """Number the ticks of ``symbols`` from ``start_ms``: now, in milliseconds since the Unix epoch."""
        self._start = start_ms
        self._next = dict.fromkeys(symbols, start_ms)
        self._leading = False
        self._noted: set[str] = set()

    def take(self, symbol: str) -> int:
        """The next seq of ``symbol``. While another poller leads it means nothing, and is given again."""
        seq = self._next[symbol]
        if self._leading:
            self._next[symbol] = seq + 1
        return seq

    def renew(self, tick: Tick) -> Tick:
        """The same tick under the next seq of its symbol."""
        return structs.replace(tick, seq=self.take(tick.symbol))

    def follow(self, last_values: Mapping[str, bytes]) -> None:
        """Another leads, and has published this."""
        self._leading = False
        for symbol, following in self._next.items():
            self._next[symbol] = max(following, self._stored(symbol, last_values) + 1)

    def lead(self, last_values: Mapping[str, bytes], now_ms: int) -> None:
        """From now on we publish, and nobody else; this is on the bus."""
        self._leading = True
        for symbol, following in self._next.items():
            if stored := self._stored(symbol, last_values):
                self._next[symbol] = max(following, stored + 1)
            else:
                gap = GAP if following > self._start else 0
                self._next[symbol] = max(following + gap, now_ms)

    def _stored(self, symbol: str, last_values: Mapping[str, bytes]) -> int:
        """The seq of a last value; 0 where there is none to go by."""
        if (payload := last_values.get(symbol)) is None:
            return 0
        try:
            seq = decode_tick(payload).seq
        except CodecError as error:
            if symbol not in self._noted:
                self._noted.add(symbol)
                logger.warning("last value of %s on the bus ignored: %s", symbol, error)
            return 0
        # A seq far ahead of any clock was nobody's good work, and would leave no room to count on.
        return seq if seq <= MAX_EXACT // 2 else 0
