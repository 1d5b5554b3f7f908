"""Do ticks reach this gateway, and can it read them? No I/O.

Heartbeats do not prove it: a server may refuse one channel, a proxy may lose what it does not know, and a newer poller
may use another format. The store has each tick before the link delivers it. So the store is asked now and then about
symbols of which no tick came meanwhile. If a symbol is only quiet, the store has nothing newer.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final

from msgspec import Struct

from gateway.protocol.forms import FramedTick
from market.prices.symbols import Symbols
from market.prices.venues import venue_of
from market.wire.codec import CodecError, decode_tick
from market.wire.status import SymbolState

LOST: Final = "ticks do not reach this gateway"

STANDS_S: Final = 3.0
"""A tick arrives far sooner after it was stored."""
ASKED_AT_ONCE: Final = 200
"""Symbols in one request to the store."""
JUMP: Final = 10_000
"""A larger gap between two numbers is no loss: another poller has begun to lead."""

_ABSENT: Final[frozenset[SymbolState]] = frozenset({"delisted", "unknown"})
"""In these states no last value is written any more, and an old one need not be readable."""


class Backoff:
    """Pauses between tries, each longer than the one before until one helps."""

    def __init__(self, first_s: float, longest_s: float, rng: random.Random) -> None:
        self._first_s = self._least_s = first_s
        self._longest_s = longest_s
        self._rng = rng
        self._choose()

    def grow(self) -> None:
        """The last try did not help."""
        self._least_s = min(self._longest_s, self._least_s * 2)
        self._choose()

    def reset(self) -> None:
        """The problem is over."""
        if self._least_s != self._first_s:
            self._least_s = self._first_s
            self._choose()

    def _choose(self) -> None:
        # Random: there are many gateways, and their problem began at the same time.
        self.seconds = self._least_s * self._rng.uniform(1, 1.2)


class Mismatch(Struct):
    """A symbol whose tick in the store the link did not deliver."""

    held: int
    """The seq of the newest tick then; -1 if there was none."""
    seq: int | None
    """The seq in the store; None if the value there cannot be used."""
    since: float
    proven: bool = False
    """Whether it has lasted long enough."""


class Delivery:
    """Compares the store with what the link delivered. Times are the event loop's."""

    def __init__(
        self,
        symbols: Symbols,
        last: Mapping[str, FramedTick],
        state_of: Callable[[str], SymbolState],
        highest_seq: Callable[[], int],
    ) -> None:
        """``last`` is each symbol's newest tick; see `market.prices.tick.highest_seq`."""
        self._symbols = symbols
        self._order = tuple(symbols)
        self._last = last
        self._state_of = state_of
        self._highest_seq = highest_seq
        self._next = 0
        """Where in that order the next check begins."""
        self._seen: dict[str, int] = {}
        """The newest seqs at the last check."""
        self._look_at = 0.0
        self._mismatches: dict[str, Mismatch] = {}
        self._lost: dict[str, int] = {}
        """Symbols whose ticks were lost, with the seqs held when the link came up; until their ticks arrive."""
        self._clean: dict[str, float] = {}
        """Of those: since when the store has had nothing newer."""

    @property
    def problem(self) -> str:
        """What is wrong with the link, in words for clients; empty if nothing is known."""
        return LOST if self._lost else ""

    def problem_of(self, venue: str) -> str:
        """The same, as far as it concerns ticks of ``venue``."""
        return LOST if self._lost and any(venue_of(symbol) == venue for symbol in self._lost) else ""

    @property
    def unreadable(self) -> frozenset[str]:
        """The symbols whose newest tick this gateway cannot read. That is not the link's fault."""
        return frozenset(
            symbol for symbol, mismatch in self._mismatches.items() if mismatch.proven and mismatch.seq is None
        )

    def serve(self, symbols: Symbols) -> None:
        """Check these symbols and no others from now on."""
        self._symbols, self._order, self._next = symbols, tuple(symbols), 0
        self._mismatches = {symbol: mismatch for symbol, mismatch in self._mismatches.items() if symbol in symbols}
        self._lost = {symbol: seq for symbol, seq in self._lost.items() if symbol in symbols}

    def bus_link_up(self, now: float) -> None:
        """A new link is up, and the last values have been read since."""
        self._seen = {symbol: tick.seq for symbol, tick in self._last.items()}
        self._look_at = now + STANDS_S
        self._mismatches = {
            symbol: mismatch
            for symbol, mismatch in self._mismatches.items()
            if mismatch.proven and mismatch.seq is None
        }
        self._lost = {symbol: self._seq(symbol) for symbol in self._lost}
        self._clean = dict.fromkeys(self._lost, now)

    def ask(self, now: float) -> list[str]:
        """The symbols whose last values are to be read now; none if it is too early."""
        if now < self._look_at:
            return []
        self._look_at = now + STANDS_S
        seen, self._seen = self._seen, {symbol: tick.seq for symbol, tick in self._last.items()}
        # A symbol that no poller serves has a state that says so.
        self._mismatches = {
            symbol: mismatch for symbol, mismatch in self._mismatches.items() if self._is_served(symbol)
        }
        self._lost = {symbol: seq for symbol, seq in self._lost.items() if self._is_served(symbol)}
        # First the symbols in doubt, then the next ones in order.
        asked = dict.fromkeys([*self._lost, *self._mismatches][:ASKED_AT_ONCE])
        for place in chain(range(self._next, len(self._order)), range(self._next)):
            if len(asked) >= ASKED_AT_ONCE:
                self._next = place
                break
            symbol = self._order[place]
            if self._seen.get(symbol) == seen.get(symbol) and self._is_served(symbol):
                asked[symbol] = None
        return list(asked)

    def answered(self, asked: Iterable[str], values: Mapping[str, bytes], now: float) -> None:
        """Take the store's ``values`` of the symbols ``asked`` for."""
        highest = self._highest_seq()
        for symbol in asked:
            payload, held = values.get(symbol), self._seq(symbol)
            seq = held if payload is None else stored_seq(symbol, payload, highest)
            if seq is not None and seq <= held:
                self._mismatches.pop(symbol, None)
                if symbol in self._lost and now - self._clean.setdefault(symbol, now) >= STANDS_S:
                    del self._lost[symbol]
                continue
            self._clean.pop(symbol, None)
            mismatch = self._mismatches.get(symbol)
            if mismatch is None or (mismatch.seq is None) != (seq is None):
                self._mismatches[symbol] = Mismatch(held, seq, now)
            elif seq is None:
                mismatch.proven = mismatch.proven or now - mismatch.since >= STANDS_S

    def judge(self, now: float, heartbeat_at: Callable[[str], float]) -> bool:
        """Whether the link is known to be faulty. ``heartbeat_at``: the last heartbeat of a symbol's venue."""
        for symbol, mismatch in list(self._mismatches.items()):
            held = self._seq(symbol)
            if held >= mismatch.seq if mismatch.seq is not None else held > mismatch.held:
                del self._mismatches[symbol]
            elif (
                mismatch.seq is not None and now - mismatch.since >= STANDS_S and heartbeat_at(symbol) > mismatch.since
            ):
                mismatch.proven = True
                if len(self._lost) < ASKED_AT_ONCE:
                    self._lost.setdefault(symbol, held)
        for symbol, seq in list(self._lost.items()):
            if symbol not in self._mismatches and self._seq(symbol) > seq:
                del self._lost[symbol]
        return any(mismatch.proven and mismatch.seq is not None for mismatch in self._mismatches.values())

    def missed(self, values: Mapping[str, bytes]) -> int:
        """The number of ticks between those held and those of ``values``, which the store had."""
        missed, highest = 0, self._highest_seq()
        for symbol, payload in values.items():
            if symbol in self._symbols and (seq := stored_seq(symbol, payload, highest)) is not None:
                ahead = seq - self._seq(symbol)
                missed += ahead if 0 < ahead <= JUMP else int(ahead > JUMP)
        return missed

    def _is_served(self, symbol: str) -> bool:
        return self._state_of(symbol) not in _ABSENT

    def _seq(self, symbol: str) -> int:
        held = self._last.get(symbol)
        return -1 if held is None else held.seq


def stored_seq(symbol: str, payload: bytes, highest: int) -> int | None:
    """The seq of a last value of ``symbol``; None if the value cannot be used, or its seq is above ``highest``."""
    try:
        tick = decode_tick(payload)
    except CodecError:
        return None
    usable = tick.symbol == symbol and tick.seq <= highest and tick.recv_us <= highest * 1_000
    return tick.seq if usable else None
