"""The gateway's time, from the pings whose answers came fastest.

Our own time is monotonic here, so that setting this machine's clock changes no age of a price.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

_SAMPLES: Final = 16
EARLY_S: Final = (0.1, 0.4, 1.0)
"""After the welcome: when the first pings are due. The fastest of a few is a good one."""
LATER_S: Final = 30.0
"""Between two later pings: clocks drift."""


class GatewayClock:
    """An estimate that knows its own error: at most half of the round trip."""

    def __init__(self, wall_us: Callable[[], int]) -> None:
        """``wall_us`` is this machine's clock, for gateways that do not tell their time."""
        self._wall_us = wall_us
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)
        self._at_zero_us: float | None = None
        """The gateway's time when ours was zero."""
        self.error_us: float | None = None
        """The estimate is wrong by this much at most."""

    def answered(self, sent_s: float, received_s: float, server_us: int) -> None:
        """A ping was sent and answered at these times of ours; ``server_us`` is the time in the answer."""
        round_trip_us = (received_s - sent_s) * 1e6
        self._samples.append((round_trip_us, server_us - (sent_s + received_s) / 2 * 1e6))
        best_us, self._at_zero_us = min(self._samples)
        self.error_us = best_us / 2

    def forget(self) -> None:
        """Another gateway may have another clock. The last estimate stands until there is a new one."""
        self._samples.clear()

    def now_us(self, now_s: float) -> float | None:
        """The gateway's time at ``now_s`` of ours, in microseconds since 1970; None if it does not tell its time."""
        return None if self._at_zero_us is None else self._at_zero_us + now_s * 1e6

    def age_s(self, then_us: int, now_s: float) -> float:
        """Seconds from ``then_us`` by the gateway's clock, or by this machine's if that is not known, to ``now_s``."""
        gateway_us = self.now_us(now_s)
        return max(0.0, ((self._wall_us() if gateway_us is None else gateway_us) - then_us) / 1e6)
