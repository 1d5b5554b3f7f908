"""Finds the symbols that no stream covers, and has REST cover just those."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from poller.coverage.listing import Listing
from poller.coverage.staleness import DEAD, MISSING, SILENT, UNUSABLE
from poller.coverage.watch import StandIn
from poller.network.counters import Counters
from poller.network.tasks import first_of
from poller.source import Listener, Take
from poller.stream.shard import Shard
from poller.stream.timing import StreamTiming

_DEAD: Final = (DEAD, SILENT, UNUSABLE)
"""Faults of a stream that another connection may repair."""


class Cover:
    """Covers each symbol: by a reliable live stream, else by REST."""

    def __init__(
        self,
        polling: StandIn,
        listing: Listing,
        shards: Sequence[Shard],
        *,
        verdicts: Callable[[], Mapping[str, str]],
        listener: Callable[[], Listener],
        timing: StreamTiming,
        trust_s: float,
        counters: Counters,
    ) -> None:
        """``verdicts`` returns the symbols whose stream is unreliable, and why.

        REST's prices of those symbols are trusted after ``trust_s`` seconds.
        """
        self._polling = polling
        self._listing = listing
        self._shards = shards
        self._verdicts = verdicts
        self._listener = listener
        self._timing = timing
        self._trust_s = trust_s
        self._counters = counters
        self._clock = asyncio.get_running_loop().time
        self.lacking: Mapping[str, str] = {}
        """Symbol → why it has no reliable stream, once the grace is over."""
        self._trusted_from: dict[str, float] = {}
        self._all_brought = asyncio.Event()
        self._all_brought.set()
        self._some_lacking = asyncio.Event()

    def symbols(self) -> tuple[str, ...]:
        """The symbols that REST must cover."""
        return tuple(symbol for symbol in self._listing.answerable if symbol in self.lacking)

    async def run(self, begin: Callable[[], Take]) -> None:
        """Poll while a symbol has no reliable stream, until cancelled; ``begin`` as for `Polling.run`."""
        while True:
            await self._some_lacking.wait()
            self._counters.fallbacks += 1
            await first_of(self._polling.run(begin), self._brought())

    async def _brought(self) -> None:
        await self._all_brought.wait()

    def review(self) -> None:
        """Find the symbols without a reliable stream now, and report the changes."""
        now, listener = self._clock(), self._listener()
        lacking, alone = self._look(now)
        for symbol in lacking.keys() - self.lacking.keys():
            self._counters.dead_streams += symbol in alone
            self._trusted_from[symbol] = now + self._trust_s * (symbol in alone)
            listener.uncovered(symbol, lacking[symbol], 0.0 if symbol in alone else self._timing.grace_s)
        for symbol in self.lacking.keys() - lacking.keys():
            del self._trusted_from[symbol]
            listener.covered(symbol)
        self.lacking = lacking
        if not self._polling.ok:
            for symbol, reason in lacking.items():
                listener.uncovered(symbol, reason)
        (self._some_lacking if lacking else self._all_brought).set()
        (self._all_brought if lacking else self._some_lacking).clear()

    def answered(self, found: Collection[str], missing: Collection[str]) -> None:
        """REST's answer has quotes of ``found``, and should also have quotes of ``missing``."""
        now, listener = self._clock(), self._listener()
        for symbol in found:
            if symbol in self.lacking and now >= self._trusted_from[symbol]:
                reason = self.lacking[symbol]
                listener.covered(symbol, f"by REST: {reason}" if reason in _DEAD else "")
        for symbol in missing:
            # Its stream may work again by now, or the symbol may not be traded any more.
            if symbol not in self.lacking or not self._listing.is_traded(symbol):
                continue
            listener.uncovered(symbol, MISSING)
            self._listing.doubt(symbol)

    def _look(self, now: float) -> tuple[Mapping[str, str], Collection[str]]:
        """Return the symbols without a reliable stream, and those of them that are dead on a live connection."""
        lacking, verdicts = dict[str, str](), self._verdicts()
        for shard in self._shards:
            if shard.lost_at is not None and now - shard.lost_at >= self._timing.grace_s:
                lacking.update(dict.fromkeys(shard.symbols, f"its stream is down: {shard.reason}"))
                continue
            failing = {symbol: verdicts[symbol] for symbol in shard.symbols if symbol in verdicts}
            lacking.update(failing)
            if dead := {symbol: reason for symbol, reason in failing.items() if reason in _DEAD}:
                shard.replace(f"{some(dead)}: {next(iter(dead.values()))}")
        traded = {symbol: reason for symbol, reason in lacking.items() if self._listing.is_traded(symbol)}
        return traded, [symbol for symbol, reason in traded.items() if reason in _DEAD]


def some(symbols: Collection[str]) -> str:
    """Name the first few, for people."""
    named = list(symbols)
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
