"""Of symbols of which every tick is wanted: what came last, and whether what comes now follows it."""

from collections.abc import Iterable
from typing import Any

from tickgate_client.events import Gap
from tickgate_client.tick import Tick


class Continuity:
    """The invariant: each tick of a symbol follows the one before, or a `Gap` stands between them."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def since(self, symbols: Iterable[str]) -> dict[str, int]:
        """The positions behind which the ticks of ``symbols`` are to go on; those of which none came are left out."""
        return {symbol: self._last[symbol] for symbol in symbols if symbol in self._last}

    def forget(self, symbol: str) -> None:
        """It is no longer wanted, or not every tick of it: what comes next follows nothing."""
        self._last.pop(symbol, None)

    def take(self, tick: Tick) -> tuple[Gap | None, bool]:
        """What stands before a tick, if anything, and whether the tick is news."""
        symbol, seq = tick.symbol, tick.seq
        last = self._last.get(symbol)
        if last == seq:
            # A snapshot of what we have: it was subscribed to anew.
            return None, False
        self._last[symbol] = seq
        if last is None or seq == last + 1:
            return None, True
        # A lower number: the numbering has begun anew, and nobody knows what was before it.
        to_seq = seq - 1 if seq > last else None
        return Gap(symbol, last + 1, to_seq, "history" if tick.snapshot else "jump"), True

    def gap(self, message: dict[str, Any]) -> Gap:
        """The gateway says what it does not have; the snapshot that follows continues behind it."""
        symbol, from_seq, to_seq = message["symbol"], message["from_seq"], message.get("to_seq")
        if to_seq is None:
            self._last.pop(symbol, None)
        else:
            self._last[symbol] = to_seq
        return Gap(symbol, from_seq, to_seq, "history")
