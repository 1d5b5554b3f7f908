"""How fast a slow reader reads."""

READS_PER_S = 10


class Throttle:
    """Reads so many bytes a second, a tenth of them at once at most."""

    def __init__(self, bytes_per_s: int, now_s: float) -> None:
        self.most = max(1, bytes_per_s // READS_PER_S)
        """The bytes of one read."""
        self._bytes_per_s, self._due_s = bytes_per_s, now_s

    def wait_s(self, size: int, now_s: float) -> float:
        """How long to wait after a read of ``size`` bytes. What was not read in time is not made up for."""
        self._due_s = max(self._due_s, now_s) + size / self._bytes_per_s
        return self._due_s - now_s
