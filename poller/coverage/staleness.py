"""Whether the market of a silent symbol is quiet, or its stream is dead.

A stream sends only changes, so silence alone proves nothing. REST decides: if it has the price that the stream sent
last, the market is quiet; if it has a newer one, the stream is dead. No I/O; times are monotonic seconds.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from poller.stream.timing import DoubtTiming

DEAD: Final = "nothing comes on its stream, though the exchange has newer prices"
MISSING: Final = "the exchange's answers have no price of it"
UNUSABLE: Final = "what comes on its stream cannot be used"
SILENT: Final = "nothing comes on its stream, not even heartbeats"
UNSEEDED: Final = "its price since the last reconnect is not known yet"
UNPRICED: Final = "no price since the streams are connected"


class _Watched(Struct):
    received_at: float
    patience_s: float
    asked_at: float = 0.0
    newer_at: float | None = None
    """Since when REST has a price that the stream has not brought."""
    unusable_at: float | None = None
    """Since when the stream brought only unusable quotes."""
    last_unusable_at: float = 0.0
    missing_at: float | None = None
    """Since when REST has no price of the symbol, and the stream is silent."""
    on_trial: bool = False
    """The previous stream was found dead; nothing is known of this one yet."""


class StalenessWatch:
    """Watches the stream of each symbol, and decides when to ask REST about it."""

    def __init__(self, timing: DoubtTiming, most: int | None = None) -> None:
        """Watch no symbol yet. One request to REST names at most ``most`` symbols."""
        self._timing = timing
        self._most = most
        self._watched: dict[str, _Watched] = {}
        self._suspects: set[str] = set()
        """Symbols with evidence against their stream."""
        self._ask_at = 0.0

    def watch(self, symbols: Iterable[str], now: float) -> None:
        """Begin to watch ``symbols``: a connection has just subscribed them.

        A symbol whose stream was dead stays so until the new stream sends something, or REST shows a quiet market.
        """
        verdicts = self.verdicts(now)
        for symbol in symbols:
            its = _Watched(now, self._timing.patience_s)
            if symbol in verdicts:
                before = self._watched[symbol]
                its.newer_at, its.unusable_at, its.last_unusable_at = before.newer_at, before.unusable_at, now
                its.on_trial = True
            else:
                self._suspects.discard(symbol)
            self._watched[symbol] = its

    def forget(self, symbols: Iterable[str]) -> None:
        """Stop watching ``symbols``."""
        for symbol in symbols:
            self._watched.pop(symbol, None)
            self._suspects.discard(symbol)

    def received(self, symbol: str, now: float) -> None:
        """The stream brought a quote of ``symbol``."""
        watched = self._watched.get(symbol)
        if watched is None:
            return
        if now - watched.received_at < self._timing.patience_s:
            watched.patience_s = self._timing.patience_s
        watched.received_at = now
        if symbol in self._suspects:
            watched.newer_at = watched.unusable_at = watched.missing_at = None
            watched.on_trial = False
            self._suspects.discard(symbol)

    def unusable(self, symbol: str, now: float) -> None:
        """The stream brought an unusable quote."""
        watched = self._watched.get(symbol)
        if watched is not None:
            watched.unusable_at = now if watched.unusable_at is None else watched.unusable_at
            watched.last_unusable_at = now
            self._suspects.add(symbol)

    def ask_soon(self) -> None:
        """Ask about all quiet symbols soon: an unreadable message may have been about any of them."""
        for watched in self._watched.values():
            watched.patience_s = self._timing.patience_s

    def due(self, now: float) -> tuple[str, ...]:
        """Return the symbols to ask about now; they then count as asked."""
        if now < self._ask_at:
            return ()
        quiet = {symbol: now - max(its.received_at, its.asked_at) for symbol, its in self._watched.items()}
        if not any(quiet_s >= self._watched[symbol].patience_s for symbol, quiet_s in quiet.items()):
            return ()
        self._ask_at = now + self._timing.gap_s
        # The same request is also about symbols that would soon be due.
        due = tuple(symbol for symbol, quiet_s in quiet.items() if quiet_s >= self._watched[symbol].patience_s / 2)
        if self._most is not None and len(due) > self._most:
            due = tuple(sorted(due, key=quiet.__getitem__, reverse=True)[: self._most])
        for symbol in due:
            self._watched[symbol].asked_at = now
        return due

    def answered(self, symbol: str, asked_at: float, now: float, *, newer: bool) -> bool:
        """REST was asked at ``asked_at``; ``newer`` is whether it has a newer price than the stream.

        Returns whether to read the listing: the symbol was busy until now, or has been quiet for the longest time.
        """
        watched = self._watched.get(symbol)
        if watched is None or watched.received_at > asked_at:
            return False
        if watched.missing_at is not None:
            watched.missing_at = None
            if watched.newer_at is None and watched.unusable_at is None:
                self._suspects.discard(symbol)
        if newer:
            watched.newer_at = now if watched.newer_at is None else watched.newer_at
            watched.on_trial = False
            self._suspects.add(symbol)
            return False
        if watched.on_trial and now - watched.received_at >= self._timing.patience_s:
            watched.newer_at, watched.on_trial = None, False
            if watched.unusable_at is None:
                self._suspects.discard(symbol)
        if watched.unusable_at is not None and now - watched.last_unusable_at >= self._timing.forgive_s:
            watched.unusable_at = None
            if watched.newer_at is None:
                self._suspects.discard(symbol)
        if symbol in self._suspects:
            return False
        was_s, watched.patience_s = watched.patience_s, min(2 * watched.patience_s, self._timing.longest_s)
        return was_s in (self._timing.patience_s, self._timing.longest_s)

    def unanswered(self, symbol: str, asked_at: float, now: float) -> bool:
        """REST, asked at ``asked_at``, has no price of ``symbol``; return whether to read the listing."""
        watched = self._watched.get(symbol)
        if watched is None or watched.received_at > asked_at:
            return False
        watched.patience_s = self._timing.patience_s
        watched.missing_at = now if watched.missing_at is None else watched.missing_at
        self._suspects.add(symbol)
        return True

    def verdicts(self, now: float) -> Mapping[str, str]:
        """The symbols whose stream is unreliable, and why."""
        found = {}
        for symbol in self._suspects:
            its = self._watched[symbol]
            if its.newer_at is not None and now - its.newer_at >= self._timing.confirm_s:
                found[symbol] = DEAD
            elif its.unusable_at is not None and now - its.unusable_at >= self._timing.unusable_s:
                found[symbol] = UNUSABLE
            elif its.missing_at is not None and now - its.missing_at >= self._timing.unusable_s:
                found[symbol] = MISSING
        return found
