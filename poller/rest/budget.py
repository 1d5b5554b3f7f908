"""How much of an exchange's weight limit is left, if the exchange reports it."""


class WeightBudget:
    """The weight used in the current minute, as the exchange reports it: other users of the same IP count too.

    Below ``soft`` of the limit requests go at full pace. From ``soft`` to ``hard`` they are slowed down. Above
    ``hard`` they wait for the next minute. The exchange counts whole minutes of its own clock. We need not know
    that clock: an observation is void ``window_s`` after the first of its minute, at the latest.
    """

    def __init__(self, limit: int = 6000, *, window_s: float = 60.0, soft: float = 0.5, hard: float = 0.9) -> None:
        self.limit = limit
        self.used = 0
        self._window_s = window_s
        self._soft = soft
        self._hard = hard
        self._since = float("-inf")

    def observe(self, used: int, now: float) -> None:
        """The exchange reports ``used`` as the weight of this minute."""
        self._turn(now)
        if used < self.used:
            self._since = now  # a new minute began
        self.used = used

    def spend(self, weight: int, now: float) -> None:
        """A request goes out; it counts from now, because its answer may never come."""
        self._turn(now)
        self.used += weight

    def delay_s(self, weight: int, now: float) -> float:
        """Seconds until a request of this weight may go; 0 if it may go now.

        One request a minute is always allowed: otherwise a limit that allows none could never be updated.
        """
        self._turn(now)
        if not self.used or self.used + weight <= self.limit * self._hard:
            return 0.0
        return max(0.0, self._since + self._window_s - now)

    def stretch(self, now: float) -> float:
        """The factor for the time between requests: 1 up to the soft limit, 10 at the hard one."""
        self._turn(now)
        above = (self.used / self.limit - self._soft) / (self._hard - self._soft)
        return 1.0 + 9.0 * min(1.0, max(0.0, above))

    def _turn(self, now: float) -> None:
        if now - self._since >= self._window_s:
            self.used = 0
            self._since = now
