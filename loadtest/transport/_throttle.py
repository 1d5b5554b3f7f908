"""How fast a slow reader reads."""

READS_PER_S = 10
BURST_S = 1.0
"""What was not read in this last time is made up for: a system that holds little for a reader brings it in pieces."""


class Throttle:
    """Reads so many bytes a second, a tenth of them at once at most."""

    def __init__(self, bytes_per_s: int, now_s: float) -> None:
        self.most = max(1, bytes_per_s // READS_PER_S)
        """The bytes of one read."""
        self._bytes_per_s, self._due_s = bytes_per_s, now_s

    def wait_s(self, size: int, now_s: float) -> float:
        """How long to wait after a read of ``size`` bytes."""
        self._due_s = max(self._due_s, now_s - BURST_S) + size / self._bytes_per_s
        return max(0.0, self._due_s - now_s)
