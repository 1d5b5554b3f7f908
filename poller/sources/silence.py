"""Which symbols a connection has stopped hearing, and what to do about each. Without I/O."""

from collections.abc import Iterable

from msgspec import Struct


class Silence(Struct, frozen=True):
    """What one look at the symbols found."""

    silent: tuple[str, ...]
    """Not heard for too long."""
    resubscribe: tuple[str, ...]
    """Those of them to subscribe again now."""
    stuck: tuple[str, ...]
    """Those that this connection once heard, and that subscribing again did not bring back."""


class _Watched(Struct):
    heard_at: float
    heard_ever: bool = False
    tries: int = 0
    next_try: float = 0.0


class SilenceWatch:
    """Remembers when each symbol was last heard. Times are monotonic seconds."""

    def __init__(self, symbols: Iterable[str], patience_s: float, now: float) -> None:
        """A symbol not heard for ``patience_s`` is silent; the first time counts from ``now``."""
        self._patience_s = patience_s
        self._watched = {symbol: _Watched(now) for symbol in symbols}

    def heard(self, symbol: str, now: float) -> None:
        """``symbol``, one of those watched, was heard."""
        watched = self._watched[symbol]
        watched.heard_at = now
        watched.heard_ever = True
        watched.tries = 0

    def review(self, now: float) -> Silence:
        """Look at every symbol; those in ``resubscribe`` are taken for subscribed again.

        Tries get rarer, so that a symbol that does not trade for days costs next to nothing.
        """
        silent, resubscribe, stuck = [], [], []
        for symbol, watched in self._watched.items():
            if now - watched.heard_at < self._patience_s:
                continue
            silent.append(symbol)
            if watched.tries == 0 or now >= watched.next_try:
                if watched.heard_ever and watched.tries >= 2:
                    stuck.append(symbol)
                resubscribe.append(symbol)
                watched.next_try = now + self._patience_s * 2 ** min(watched.tries, 6)
                watched.tries += 1
        return Silence(tuple(silent), tuple(resubscribe), tuple(stuck))
