"""Latencies and faults counted between two looks, in place of an event each.

Locust's ``request`` event costs some ten microseconds. At a hundred users with a hundred symbols each,
ticks come by the ten thousand a second, so they are counted here and handed to the statistics a few times a
second.
"""

from collections import Counter, defaultdict

from loadtest._checks import TickError


class Tally:
    """What the users of one process saw since the last `take`."""

    def __init__(self) -> None:
        self.latencies_ms: defaultdict[int, int] = defaultdict(int)
        """Whole milliseconds (rounded down) to how many ticks were so old on arrival."""
        self.received_bytes = 0
        self.faults: Counter[TickError] = Counter()

    def take(self) -> "Tally":
        """What was counted so far, and start again from nothing; the object users write to stays the same."""
        taken = Tally()
        taken.latencies_ms.update(self.latencies_ms)
        taken.faults.update(self.faults)
        taken.received_bytes = self.received_bytes
        self.latencies_ms.clear()
        self.faults.clear()
        self.received_bytes = 0
        return taken
