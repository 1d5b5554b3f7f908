"""Finds the symbols without a usable quote. An unusable quote is no better than none."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

PATIENCE_S: Final = 3.0
"""The same time that a gateway waits for a heartbeat."""


class QualityProblem(NamedTuple):
    """Why prices cannot be used, and since when (microseconds since the Unix epoch)."""

    reason: str
    since_us: int


class _Begun(NamedTuple):
    at: float
    at_us: int
    why: str


class QualityMonitor:
    """Gets the outcome of every quote; knows the symbols without a usable one, and since when."""

    def __init__(self, clock: Callable[[], float], now_us: Callable[[], int]) -> None:
        """``clock`` is monotonic, in seconds; ``now_us`` the time in microseconds since the Unix epoch."""
        self._clock = clock
        self._now_us = now_us
        self._bad: dict[str, _Begun] = {}
        """Symbols whose last quote was unusable, or that have had none yet."""
        self._all_bad: _Begun | None = None

    def good(self, symbol: str) -> None:
        """A quote of ``symbol`` was usable, whether or not it was new."""
        self._all_bad = None
        if self._bad:
            self._bad.pop(symbol, None)

    def bad(self, symbol: str | None, why: str) -> None:
        """A quote of ``symbol`` could not be used; None if not even its symbol could be read."""
        since = self._begun(f"the exchange's prices cannot be used: {why.replace('_', ' ')}")
        self._all_bad = self._all_bad or since
        if symbol is not None:
            # The first reason stays: each change of it would be published.
            self._bad.setdefault(symbol, since)

    def awaited(self, symbol: str, *, patiently: bool = True) -> None:
        """No quote of ``symbol`` has arrived yet: a problem after `PATIENCE_S`, or at once if not ``patiently``."""
        since = self._begun("no price yet")
        self._bad.setdefault(symbol, since if patiently else since._replace(at=float("-inf")))

    def forget(self, symbol: str) -> None:
        """No quote of ``symbol`` is expected."""
        self._bad.pop(symbol, None)

    def problems(self) -> Mapping[str, QualityProblem]:
        """The symbols without a usable quote for `PATIENCE_S`."""
        if not self._bad:
            return {}
        late = self._clock() - PATIENCE_S
        return {symbol: QualityProblem(its.why, its.at_us) for symbol, its in self._bad.items() if its.at <= late}

    def problem(self) -> QualityProblem | None:
        """Why all quotes have been unusable for at least `PATIENCE_S`; None otherwise."""
        if self._all_bad is None or self._clock() - self._all_bad.at < PATIENCE_S:
            return None
        return QualityProblem(self._all_bad.why, self._all_bad.at_us)

    def _begun(self, why: str) -> _Begun:
        return _Begun(self._clock(), self._now_us(), why)
