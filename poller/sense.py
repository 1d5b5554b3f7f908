"""Whether what an exchange says can be used: quotes that all mean nothing are no better than silence."""

from collections.abc import Callable
from typing import Final

from poller.processor import DropReason

PATIENCE_S: Final = 3.0
"""As long as a gateway waits for a sign of life."""


class Sense:
    """Fed with the fate of each update; knows since when none could be used."""

    def __init__(self, clock: Callable[[], float], now_us: Callable[[], int]) -> None:
        """``clock`` is monotonic, in seconds; ``now_us`` the time in microseconds since the Unix epoch."""
        self._clock = clock
        self._now_us = now_us
        self._lost: tuple[float, int] | None = None
        self._why = ""

    def note(self, refused: DropReason | None) -> None:
        """One more update was refused, or, where ``refused`` is None, made sense."""
        if refused is None:
            self._lost = None
        else:
            self._why = refused
            self._lost = self._lost or (self._clock(), self._now_us())

    def fault(self) -> tuple[str, int] | None:
        """Why prices are as good as silent, and since when in microseconds; None while they are not."""
        if self._lost is None or self._clock() - self._lost[0] < PATIENCE_S:
            return None
        return f"the exchange's prices cannot be used: {self._why.replace('_', ' ')}", self._lost[1]
