"""The watch over streams that send heartbeats of each symbol: a silent one is dead, so REST need not be asked."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from poller.coverage.staleness import SILENT, UNSEEDED, UNUSABLE
from poller.source import Take, Update, Verdict


class Heartbeats:
    """See `poller.coverage.watch.Watch`. Times are the event loop's, in seconds."""

    is_asking = False
    """REST is not asked."""

    def __init__(
        self, received_within_s: float, *, unusable_s: float, grace_s: float, doubt: Callable[[str], None]
    ) -> None:
        """A stream that sends nothing for ``received_within_s`` is dead.

        One with only unusable quotes for ``unusable_s`` counts as dead too. A symbol without a stream, or without a
        quote on its new stream, counts as reliable for ``grace_s``. Unreliable symbols go to ``doubt``: they may not
        be listed any more.
        """
        self._received_within_s = received_within_s
        self._unusable_s = unusable_s
        self._grace_s = grace_s
        self._doubt = doubt
        self._clock = asyncio.get_running_loop().time
        self._received_at: dict[str, float] = {}
        self._unquoted_at: dict[str, float] = {}
        """Symbol → since when it has no stream, or no quote on its stream."""
        self._unusable_at: dict[str, float] = {}
        """Symbol → since when its stream brought only unusable quotes."""

    def received(self, update: Update, verdict: Verdict) -> None:
        """See `poller.coverage.watch.Watch.received`."""
        self.alive(update.symbol)
        if update.bid is None and update.ask is None:
            return
        self._unquoted_at.pop(update.symbol, None)
        if verdict == "unusable":
            self._unusable_at.setdefault(update.symbol, self._clock())
        else:
            self._unusable_at.pop(update.symbol, None)

    def alive(self, symbol: str) -> None:
        """See `poller.coverage.watch.Watch.alive`."""
        if symbol in self._received_at:
            self._received_at[symbol] = self._clock()

    def unreadable(self, symbol: str | None) -> None:
        """See `poller.coverage.watch.Watch.unreadable`."""
        if symbol is not None and symbol in self._received_at:
            self._unusable_at.setdefault(symbol, self._clock())

    def watch(self, symbols: Collection[str], quoted: Collection[str] = ()) -> None:
        """See `poller.coverage.watch.Watch.watch`."""
        now, failing = self._clock(), self._failing()
        for symbol in symbols:
            self._received_at[symbol] = now
            if symbol in quoted:
                self._unquoted_at.pop(symbol, None)
            else:
                # A symbol that was unreliable before gets no new grace.
                self._unquoted_at.setdefault(symbol, now - self._grace_s if symbol in failing else now)
            self._unusable_at.pop(symbol, None)

    def lost(self, symbols: Collection[str], at: float | None = None) -> None:
        """See `poller.coverage.watch.Watch.lost`."""
        lost_at = self._clock() if at is None else at
        for symbol in symbols:
            self._received_at.pop(symbol, None)
            self._unusable_at.pop(symbol, None)
            self._unquoted_at.setdefault(symbol, lost_at)

    def unpriced(self, symbols: Collection[str]) -> bool:
        """See `poller.coverage.watch.Watch.unpriced`."""
        return bool(symbols) and all(symbol in self._unquoted_at for symbol in symbols)

    def forget(self, symbols: Collection[str]) -> None:
        """See `poller.coverage.watch.Watch.forget`."""
        self.lost(symbols)
        for symbol in symbols:
            self._unquoted_at.pop(symbol, None)

    def verdicts(self) -> Mapping[str, str]:
        """See `poller.coverage.watch.Watch.verdicts`."""
        found = self._failing()
        for symbol in found:
            self._doubt(symbol)
        return found

    def stand_in(self) -> Take:
        """See `poller.coverage.watch.Watch.stand_in`."""
        return lambda _: None

    async def run(self) -> None:
        """See `poller.coverage.watch.Watch.run`."""

    def _failing(self) -> Mapping[str, str]:
        now = self._clock()
        found = {symbol: UNSEEDED for symbol, at in self._unquoted_at.items() if now - at >= self._grace_s}
        found |= {symbol: SILENT for symbol, at in self._received_at.items() if now - at >= self._received_within_s}
        return found | {symbol: UNUSABLE for symbol, at in self._unusable_at.items() if now - at >= self._unusable_s}
