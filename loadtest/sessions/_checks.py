"""Finds gaps and wrong prices: one `Memory` for all users of a process, one `Checker` for each connection."""

from collections import deque
from enum import Enum

import msgspec

from loadtest.protocol._messages import Quote, Tick

Numbers = tuple[object, ...]


class TickError(Enum):
    """The possible faults of a tick: the row of the statistics, and the reason.

    They are few and fixed, so that statistics stay small.
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
        """The reason, always the same text."""
        return self.value[1]


class Memory:
    """The newest ticks of each symbol, as any user of this process has seen them.

    A gateway sends every client the same bytes. So a payload is decoded and checked once, for the first user that
    gets it; for all others `good` answers by one look-up. A user that is sent other bytes for the same seq is noticed.
    """

    def __init__(self, per_symbol: int = 256, back_us: int = 1_000_000) -> None:
        """Remember ``per_symbol`` ticks; ``recv_us`` may be ``back_us`` before an earlier tick's."""
        self.good: dict[bytes, Tick] = {}
        """The payload of a correct tick → that tick."""
        self._per_symbol = per_symbol
        self._back_us = back_us
        self._payloads: dict[str, deque[bytes]] = {}
        self._numbers: dict[str, dict[int, Numbers]] = {}
        self._newest: dict[str, Quote] = {}

    def judge(self, quote: Quote, payload: bytes) -> TickError | None:
        """Return what is wrong with these numbers, alone or compared with other users'; None if nothing is."""
        if quote.bid is not msgspec.UNSET and quote.ask is not msgspec.UNSET and quote.bid > quote.ask:
            return TickError.CROSSED
        if quote.price_scale < 0 or quote.size_scale < 0:
            return None  # a decimal tick without a price or a size: its scale is unknown, so nothing can be compared
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

    def __init__(self, *, every: bool = True) -> None:
        """Without ``every`` ticks may be missing: the gateway conflates them for a slow consumer."""
        self._every = every
        self.last: dict[str, int] = {}
        """Symbol → the last seq; the next one must be one higher."""
        self._asked: set[str] | None = None
        self._before_outage: dict[str, int] = {}
        self._stale = False
        self.announced = 0
        """Ticks missing across an outage that the gateway had reported (``status`` stale)."""

    def held(self, symbols: set[str]) -> None:
        """Allow only these symbols from now on; before the first call all are allowed."""
        self._asked = symbols
        for symbol in self.last.keys() - symbols:
            del self.last[symbol]

    def status(self, *, stale: bool) -> None:
        """The gateway reported whether its prices are live.

        Ticks of a reported outage are lost to everybody, so they are no gap of this connection.
        """
        if stale or self._stale:
            self._before_outage |= self.last
            self.last.clear()
        self._stale = stale

    def snapshot(self, quote: Quote) -> TickError | None:
        """A snapshot arrived: counting starts with it."""
        return self._step(quote, anywhere=True)

    def tick(self, quote: Quote) -> TickError | None:
        """A tick arrived: its seq must be one higher than the last, or the first of its symbol."""
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
            return TickError.SKIPPED if self._every else None
        self.announced += seq - before - 1
        return None
