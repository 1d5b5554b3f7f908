"""How long to wait before trying again."""

import random


class Backoff:
    """Exponential backoff with full jitter: the n-th delay is uniform over 0 to ``base_s * 2**n``, at most ``cap_s``.

    Full jitter keeps many clients of a restarted server from returning in step
    (AWS Architecture Blog, "Exponential Backoff And Jitter").
    """

    def __init__(self, base_s: float, cap_s: float, rng: random.Random) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._rng = rng
        self._failures = 0

    def next_s(self) -> float:
        """The next delay in seconds; each call counts as one more failure."""
        # 2**32 is beyond any cap; more would overflow a float some day.
        ceiling = min(self._cap_s, self._base_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return self._rng.uniform(0.0, ceiling)

    def reset(self) -> None:
        """An attempt succeeded: start from the shortest delay again."""
        self._failures = 0
