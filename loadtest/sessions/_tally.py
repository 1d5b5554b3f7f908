"""Counts of latencies and faults, in place of an event each.

Locust's ``request`` event costs some ten microseconds. A hundred users with a hundred symbols each get tens of
thousands of ticks a second. So ticks are counted here, and added to the statistics a few times a second.
"""

from collections import Counter, defaultdict

from loadtest.sessions._checks import TickError


class Tally:
    """The counts of one process's users of one kind since the last `take`."""

    def __init__(self) -> None:
        self.latencies_ms: defaultdict[int, int] = defaultdict(int)
        """Age on arrival in whole milliseconds (rounded down) → number of ticks."""
        self.untimed = 0
        """Prices without a time."""
        self.conflated = 0
        """Ticks that a slow consumer was told it missed."""
        self.received_bytes = 0
        self.faults: Counter[TickError] = Counter()

    def take(self) -> "Tally":
        """Return the counts and start again from zero; users keep writing to this same object."""
        taken = Tally()
        taken.latencies_ms.update(self.latencies_ms)
        taken.faults.update(self.faults)
        taken.received_bytes = self.received_bytes
        taken.untimed, taken.conflated = self.untimed, self.conflated
        self.latencies_ms.clear()
        self.faults.clear()
        self.received_bytes = self.untimed = self.conflated = 0
        return taken
