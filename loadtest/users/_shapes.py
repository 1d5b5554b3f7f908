"""How many users there are at which time: ``--shape``. Locust asks once a second."""

from collections.abc import Callable
from typing import Any

from locust import LoadTestShape

RAMP_STEPS = 10
STORM_PERIOD_S, STORM_AWAY_S = 30.0, 5.0


def ramp(seconds: float, users: int, length_s: float) -> int:
    """Rise to ``users`` in ten equal steps during the first half of ``length_s``, and stay there."""
    step = int(seconds / (length_s / 2) * RAMP_STEPS) + 1
    return max(1, users * min(step, RAMP_STEPS) // RAMP_STEPS)


def storm(seconds: float, users: int, length_s: float) -> int:
    """All at once; every 30 s all leave, and all come back 5 s later."""
    left_s = seconds % STORM_PERIOD_S
    return 0 if left_s >= STORM_PERIOD_S - STORM_AWAY_S and length_s > seconds else users


SHAPES: dict[str, Callable[[float, int, float], int]] = {"ramp": ramp, "storm": storm}
"""Name → the users after so many seconds, of so many at most, in a run of such a length."""

DEFAULT_LENGTH_S = 120


class Shape(LoadTestShape):
    """One of `SHAPES`, which ends the run after ``length_s``."""

    abstract = True  # Locust would use every other shape that it finds

    def __init__(self, name: str, users: int, spawn_rate: float, length_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self._users_at = SHAPES[name]
        self._users, self._length_s = users, length_s
        self._rate = float(users) if name == "storm" else spawn_rate

    def tick(self) -> tuple[int, float] | None:
        """The users wanted now, and how many may start in a second; None ends the run."""
        seconds: float = self.get_run_time()  # type: ignore[no-untyped-call,unused-ignore]
        if seconds >= self._length_s:
            return None
        return self._users_at(seconds, self._users, self._length_s), self._rate


def shape_of(options: Any) -> Shape:
    """The shape that Locust's options name; without ``--run-time`` it takes two minutes."""
    return Shape(options.shape, options.num_users, options.spawn_rate, options.run_time or DEFAULT_LENGTH_S)
