"""The seq of every tick: higher than every earlier seq of its symbol, by any poller."""

import logging
from collections.abc import Iterable, Mapping

from msgspec import structs

from market.prices.tick import Tick, highest_seq
from market.wire.codec import CodecError, decode_tick
from poller.log_events import LAST_VALUE_IGNORED, LAST_VALUES_IGNORED, NUMBERS_FROM_TIME

logger = logging.getLogger(__name__)

GAP = 10_000
"""Exceeds the number of ticks of one symbol between two reads of the last values."""


_NAMED_AT_MOST = 5
"""The most symbols to name in the log: there may be thousands."""


class Sequencer:
    """The next seq of each symbol. It only grows.

    A new leader continues above the last values of the bus. It begins with the time in milliseconds if that is higher:
    no symbol has a thousand ticks each second for long, so the time is above every published seq, even if the bus has
    lost its data. If the clock is slow as well, the highest seq seen counts, with a gap for ticks published since.

    A seq that is impossible by our clock (`market.prices.tick.highest_seq`) is ignored, and gateways refuse it. The
    symbol is then numbered from the time again. Gateways follow.
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        """Number the ticks of ``symbols``."""
        self._next = dict.fromkeys(symbols, 0)
        self._leading = False
        self._last_values: Mapping[str, bytes] = {}
        """The last values of the bus when we took the lead, of all symbols: no other poller has published since."""
        self._noted: set[str] = set()
        self._begun_again = 0
        """The number of symbols that were numbered from the time again since the last `look`."""
        self._now_ms = 0
        self._highest = 0
        """The highest possible seq at that time."""

    def add(self, symbol: str, now_ms: int) -> None:
        """Number the ticks of ``symbol`` too; a symbol that was numbered before continues."""
        if symbol not in self._next:
            self._next[symbol] = self._first(symbol, 0, now_ms) if self._leading else 0

    def take(self, symbol: str) -> int:
        """The next seq of ``symbol``. While another poller leads it is not used, and is returned again."""
        seq = self._next[symbol]
        if self._leading:
            if seq > self._highest:
                seq = self._begin_again(symbol, seq)
            self._next[symbol] = seq + 1
        return seq

    def look(self, now_ms: int) -> None:
        """Set the time. The leader calls this each second."""
        self._now_ms, self._highest = now_ms, highest_seq(now_ms)
        self._begun_again = 0

    def _begin_again(self, symbol: str, seq: int) -> int:
        self._begun_again += 1
        if self._begun_again <= _NAMED_AT_MOST:
            logger.warning(NUMBERS_FROM_TIME, symbol, seq)
        return self._now_ms

    def renew(self, tick: Tick) -> Tick:
        """Return the tick with the next seq of its symbol."""
        return structs.replace(tick, seq=self.take(tick.symbol))

    def follow(self, last_values: Mapping[str, bytes], now_ms: int) -> None:
        """Another poller leads, and has published ``last_values``."""
        self._leading = False
        self.look(now_ms)
        for symbol, following in self._next.items():
            if stored := self._stored(symbol, last_values):
                self._next[symbol] = max(following, stored + 1)

    def lead(self, last_values: Mapping[str, bytes], now_ms: int) -> None:
        """Only this poller publishes from now on; ``last_values`` are on the bus."""
        self._leading = True
        self.look(now_ms)
        self._last_values = last_values
        for symbol, following in self._next.items():
            self._next[symbol] = self._first(symbol, following, now_ms)

    def _first(self, symbol: str, following: int, now_ms: int) -> int:
        """Our first seq of ``symbol``; ``following`` is the next one as far as we know."""
        stored = self._stored(symbol, self._last_values)
        if following > self._highest:
            following = 0
        return max(following, stored + 1 if stored else following + GAP, now_ms)

    def _stored(self, symbol: str, last_values: Mapping[str, bytes]) -> int:
        """The seq of a last value; 0 if there is no usable one."""
        if (payload := last_values.get(symbol)) is None:
            return 0
        try:
            seq = decode_tick(payload).seq
        except CodecError as error:
            self._note(symbol, str(error))
            return 0
        if seq > self._highest:
            self._note(symbol, f"its seq {seq} is more than a day above the time; is our clock right?")
            return 0
        return seq

    def _note(self, symbol: str, problem: str) -> None:
        if symbol not in self._noted:
            self._noted.add(symbol)
            if len(self._noted) <= _NAMED_AT_MOST:
                logger.warning(LAST_VALUE_IGNORED, symbol, problem)
            elif len(self._noted) == _NAMED_AT_MOST + 1:
                logger.warning(LAST_VALUES_IGNORED)
