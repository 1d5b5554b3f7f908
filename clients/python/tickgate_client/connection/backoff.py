"""When to connect again after an end, or whether another try cannot help."""

from collections.abc import Callable
from typing import Final

FINAL_CODES: Final = frozenset({1009, 4410})
"""Close codes of a fault of this program, which would end the same again, and of an operator who ended it."""
SLOW_CODES: Final = frozenset({1002, 1007, 4429})
"""Close codes that ask for a repair. It may be somebody else's, so we do try again, seldom."""
AT_ONCE: Final = 1012
"""The gateway goes away, and others are there."""
STEADY_S: Final = 10.0
"""A connection that lasted this long starts the pauses anew."""


class Backoff:
    """Pauses that grow, each of a random length from nothing to its bound (full jitter)."""

    def __init__(self, jitter: Callable[[], float], base_s: float = 0.5, cap_s: float = 30.0) -> None:
        """``jitter`` gives a number from 0 to 1."""
        self._jitter = jitter
        self._base_s, self._cap_s = base_s, cap_s
        self._attempt = 0
        self._dials = 0
        self._return_at: float | None = None
        self._opened_at: float | None = None

    def dialled(self) -> int:
        """Count an attempt to connect; return 0 at the very first, else how many there were since a connection."""
        number, self._dials = self._dials, self._dials + 1
        return number

    def opened(self, now: float) -> None:
        """A connection begins."""
        self._opened_at = now
        self._dials = 1

    def come_back(self, at: float) -> None:
        """The gateway goes away, and has said when to connect again."""
        self._return_at = at

    @property
    def is_expected(self) -> bool:
        """Whether the gateway has said that it goes away."""
        return self._return_at is not None

    def pause_s(self, code: int | None, now: float, at_least_s: float = 0.0) -> float:
        """How long to wait after an end with ``code``: a close code or a status; None if the network ended it."""
        opened_at, self._opened_at = self._opened_at, None
        return_at, self._return_at = self._return_at, None
        if return_at is not None:
            self._attempt = 0
            return max(0.0, return_at - now)
        if opened_at is not None and now - opened_at >= STEADY_S:
            self._attempt = 0
        if code in SLOW_CODES:
            # Somewhere in the upper half: a random pause of nothing would not be seldom.
            return max(at_least_s, self._cap_s * (1 + self._jitter()) / 2)
        if code == AT_ONCE and self._attempt == 0:
            self._attempt = 1
            return at_least_s
        # 2.0**1100 is no float any more.
        bound = min(self._cap_s, self._base_s * 2.0 ** min(self._attempt, 30))
        self._attempt += 1
        return at_least_s + self._jitter() * bound
