"""The seq of every tick: above all that was published of its symbol, by whichever poller."""

import logging
from collections.abc import Iterable, Mapping

from msgspec import structs

from market.codec import CodecError, decode_tick
from market.tick import MAX_EXACT, Tick

logger = logging.getLogger(__name__)

GAP = 10_000
"""What the fastest feed can publish of one symbol in a second: more than between two looks at the last values."""


class Numbering:
    """The next seq of each symbol; it only grows."""

    def __init__(self, symbols: Iterable[str], start_ms: int) -> None:
        """Number the ticks of ``symbols`` from ``start_ms``: now, in milliseconds since the Unix epoch.

        Nobody publishes a thousand ticks of one symbol each second for long, so the time is ahead of what
        was published before, though nothing of that was stored.
        """
        self._next = dict.fromkeys(symbols, start_ms)
        self._noted: set[str] = set()

    def take(self, symbol: str) -> int:
        """The next seq of ``symbol``, which is not given again."""
        seq = self._next[symbol]
        self._next[symbol] = seq + 1
        return seq

    def renew(self, tick: Tick) -> Tick:
        """The same tick under the next seq of its symbol."""
        return structs.replace(tick, seq=self.take(tick.symbol))

    def learn(self, last_values: Mapping[str, bytes], now_ms: int) -> None:
        """Number on above what the bus holds.

        The clock of who published it may be ahead of ours, so its seqs count more than ``now_ms``. `GAP` is left
        for what it publishes before we look again: should the bus lose everything then, it would stay unknown.
        """
        for symbol, following in self._next.items():
            payload = last_values.get(symbol)
            above = 0 if payload is None else self._seq(symbol, payload) + 1 + GAP
            self._next[symbol] = max(following, above, now_ms)

    def _seq(self, symbol: str, payload: bytes) -> int:
        try:
            seq = decode_tick(payload).seq
        except CodecError as error:
            if symbol not in self._noted:
                self._noted.add(symbol)
                logger.warning("last value of %s on the bus ignored: %s", symbol, error)
            return 0
        # A seq far ahead of any clock was nobody's good work, and would leave no room to count on.
        return seq if seq <= MAX_EXACT // 2 else 0
