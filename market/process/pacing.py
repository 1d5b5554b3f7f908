"""How often something that may happen at once should happen: never spaced while seldom, at an interval while often.

Each message on the bus costs every reader some 20 microseconds to receive, whatever it holds. A busy poller publishes
at an interval. No I/O.
"""


class Pacing:
    """Spaces one kind of event. Times are the event loop's, in seconds."""

    def __init__(self, interval_s: float, credit: int) -> None:
        """Let an event happen each ``interval_s`` seconds, and ``credit`` more at once after a time with fewer."""
        self._interval_s = interval_s
        self._credit_s = interval_s * credit
        self._owed_until = float("-inf")

    def wait_s(self, now: float) -> float:
        """Count an event, and return how long to wait before the next one; 0 or less: it may come at once."""
        owed_until = self._owed_until
        self._owed_until = owed_until = (now if now > owed_until else owed_until) + self._interval_s
        return owed_until - self._credit_s - now
