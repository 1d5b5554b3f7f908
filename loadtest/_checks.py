"""Finds gaps and wrong prices: one `Memory` for all users of a process, one `Checker` for each connection."""

from collections import deque
from enum import Enum

import msgspec

from loadtest._messages import Quote, Tick

Numbers = tuple[object, ...]


class TickError(Enum):
    """What can be wrong with a tick: the row it fails in, and why.

    Few and fixed, so that statistics stay small.
    """

    SKIPPED = ("gap", "ticks were skipped")
    REPEATED = ("gap", "seq repeated or went back")
    MALFORMED = ("wrong price", "not a tick of scaled integers")
    CROSSED = ("wrong price", "bid above ask")
    RESCALED = ("wrong price", "scale changed")
    UNASKED = ("wrong price", "symbol not asked for")
    OLD = ("wrong price", "recv_us is far behind an earlier tick's")
    DIFFERENT = ("wrong price", "two users got different numbers for one seq")

    @property
    def row(self) -> str:
        """The row of the statistics it counts in."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """What was wrong, the same text each time."""
        return self.value[1]


class Memory:
    """The newest ticks of each symbol, as any user of this process has seen them.

    A gateway sends every client the same bytes. So a payload is decoded and judged once, by whoever gets it
    first; for everybody else `good` answers by one look-up, and whoever is sent other bytes for the same
    seq is noticed.
    """

    def __init__(self, per_symbol: int = 256, back_us: int = 1_000_000) -> None:
        """``per_symbol`` ticks are remembered; ``recv_us`` may fall behind an earlier tick's by ``back_us``."""
        self.good: dict[bytes, Tick] = {}
        """Payload of a tick that was found right, to that tick."""
        self._per_symbol = per_symbol
        self._back_us = back_us
        self._payloads: dict[str, deque[bytes]] = {}
        self._numbers: dict[str, dict[int, Numbers]] = {}
        self._newest: dict[str, Quote] = {}

    def judge(self, quote: Quote, payload: bytes) -> TickError | None:
        """Return what is wrong with these numbers by themselves or beside those of other users; None if nothing is."""
        if quote.bid is not msgspec.UNSET and quote.ask is not msgspec.UNSET and quote.bid > quote.ask:
            return TickError.CROSSED
        newest = self._newest.setdefault(quote.symbol, quote)
        if (quote.price_scale, quote.size_scale) != (newest.price_scale, newest.size_scale):
            return TickError.RESCALED
        if quote.seq > newest.seq:
            self._newest[quote.symbol] = quote
            if quote.recv_us < newest.recv_us - self._back_us:
                return TickError.OLD
        tick_error = self._compare(quote)
        if tick_error is None and isinstance(quote, Tick):
            self._remember(quote, payload)
        return tick_error

    def _compare(self, quote: Quote) -> TickError | None:
        seen = self._numbers.setdefault(quote.symbol, {})
        numbers = msgspec.structs.astuple(quote)
        if seen.setdefault(quote.seq, numbers) != numbers:
            return TickError.DIFFERENT
        if len(seen) > self._per_symbol:
            del seen[next(iter(seen))]
        return None

    def _remember(self, tick: Tick, payload: bytes) -> None:
        payloads = self._payloads.setdefault(tick.symbol, deque())
        self.good[payload] = tick
        payloads.append(payload)
        if len(payloads) > self._per_symbol:
            self.good.pop(payloads.popleft(), None)


class Checker:
    """Follows the seq of every symbol of one connection."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        """Symbol to the seq that came last; the next one must be one higher."""
        self._asked: set[str] | None = None
        self._before_outage: dict[str, int] = {}
        self._stale = False
        self.announced = 0
        """Ticks missing across an outage that the gateway had told of (``status`` stale)."""

    def held(self, symbols: set[str]) -> None:
        """From now on only these may arrive; until the first call anything may."""
        self._asked = symbols
        for symbol in self.last.keys() - symbols:
            del self.last[symbol]

    def status(self, *, stale: bool) -> None:
        """The gateway said that it hears prices or not.

        What happened while it could not hear is lost to everybody, and it says so: no gap of ours to report.
        """
        if stale or self._stale:
            self._before_outage |= self.last
            self.last.clear()
        self._stale = stale

    def snapshot(self, quote: Quote) -> TickError | None:
        """A snapshot arrived: where counting starts."""
        return self._step(quote, anywhere=True)

    def tick(self, quote: Quote) -> TickError | None:
        """A tick arrived: one higher than the one before it, or the first of its symbol."""
        return self._step(quote, anywhere=False)

    def _step(self, quote: Quote, *, anywhere: bool) -> TickError | None:
        symbol, seq = quote.symbol, quote.seq
        if self._asked is not None and symbol not in self._asked:
            return TickError.UNASKED
        reported = self._stale
        before = self.last.get(symbol)
        if before is None:
            before = self._before_outage.pop(symbol, None)
            reported = True
        if before is not None and seq <= before:
            return None if anywhere and seq == before else TickError.REPEATED
        self.last[symbol] = seq
        if before is None or seq == before + 1:
            return None
        if not (anywhere or reported):
            return TickError.SKIPPED
        self.announced += seq - before - 1
        return None
