"""The seq of every tick: above all that was published of its symbol, by whichever poller."""

import logging
from collections.abc import Iterable, Mapping

from msgspec import structs

from market.codec import CodecError, decode_tick
from market.tick import MAX_SEQ, Tick

logger = logging.getLogger(__name__)

GAP = 10_000
"""What the fastest feed publishes of one symbol in a second, which is longer than from one look at the last values
to the next."""


class Numbering:
    """The next seq of each symbol; it only grows.

    Who takes the lead goes on above what the bus holds, which is the newest there is. It begins with the time in
    milliseconds where that is higher: nobody publishes a thousand ticks of one symbol each second for long, so the
    time is above what was published, should the bus have lost it or hold something older. Should the clock be slow
    as well, what was seen last counts, with a gap for what was published since.
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        """Number the ticks of ``symbols``."""
        self._next = dict.fromkeys(symbols, 0)
        self._leading = False
        self._last_values: Mapping[str, bytes] = {}
        """As the bus held them when we took the lead, other symbols' too: nobody else has published since."""
        self._noted: set[str] = set()

    def add(self, symbol: str, now_ms: int) -> None:
        """Number the ticks of ``symbol`` too; one that was numbered before goes on."""
        if symbol not in self._next:
            self._next[symbol] = self._first(symbol, 0, now_ms) if self._leading else 0

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
            if stored := self._stored(symbol, last_values):
                self._next[symbol] = max(following, stored + 1)

    def lead(self, last_values: Mapping[str, bytes], now_ms: int) -> None:
        """From now on we publish, and nobody else; this is on the bus."""
        self._leading = True
        self._last_values = last_values
        for symbol, following in self._next.items():
            self._next[symbol] = self._first(symbol, following, now_ms)

    def _first(self, symbol: str, following: int, now_ms: int) -> int:
        """The first seq of ours, where ``following`` would have been the next that we know of."""
        stored = self._stored(symbol, self._last_values)
        return max(following, stored + 1 if stored else following + GAP, now_ms)

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
        return seq if seq <= MAX_SEQ else 0
