"""What requests cost, and how much of the exchange's patience is left.

Costs are from Binance's API documents, "Market data endpoints": request weight per IP and minute.
"""

EXCHANGE_INFO_WEIGHT = 20
SUMMARY_CHUNK = 20
"""The most symbols for which the 24-hour summary costs as little as for one."""


def quotes_weight(symbols: int) -> int:
    """The weight of ``bookTicker`` for so many symbols (0 means all of them)."""
    return 2 if symbols == 1 else 4


def summary_weight(symbols: int) -> int:
    """The weight of ``ticker/24hr`` for so many symbols (0 means all of them)."""
    if 1 <= symbols <= SUMMARY_CHUNK:
        return 2
    return 40 if 1 <= symbols <= 100 else 80


def summary_share(symbols: int) -> int:
    """How many of so many symbols to ask at a time so that their summaries cost least; 0 means all at once.

    Chunks of `SUMMARY_CHUNK` cost 2 each; above 40 chunks the whole market at 80 is cheaper.
    """
    return min(symbols, SUMMARY_CHUNK) if symbols <= 40 * SUMMARY_CHUNK else 0


class WeightBudget:
    """The weight used in the current minute, as the exchange reports it, so others on the same IP count too.

    Below ``soft`` of the limit requests go at full pace; from there to ``hard`` they are stretched; above
    it they wait for the next minute. The exchange counts whole minutes of its own clock, which need not
    be known: an observation is void ``window_s`` after the first of its minute, at the latest.
    """

    def __init__(self, limit: int = 6000, *, window_s: float = 60.0, soft: float = 0.5, hard: float = 0.9) -> None:
        self.limit = limit
        self.used = 0
        self._window_s = window_s
        self._soft = soft
        self._hard = hard
        self._since = float("-inf")

    def observe(self, used: int, now: float) -> None:
        """The exchange says that ``used`` is spent."""
        self._turn(now)
        if used < self.used:
            self._since = now  # a new minute began
        self.used = used

    def spend(self, weight: int, now: float) -> None:
        """A request goes out; its answer may never come, so it counts from now."""
        self._turn(now)
        self.used += weight

    def delay_s(self, weight: int, now: float) -> float:
        """Seconds until a request of this weight may go; 0 if it may now.

        One a minute may always: a limit that allows none would never be asked for again.
        """
        self._turn(now)
        if not self.used or self.used + weight <= self.limit * self._hard:
            return 0.0
        return max(0.0, self._since + self._window_s - now)

    def stretch(self, now: float) -> float:
        """By what to multiply the time between requests: 1 up to the soft limit, 10 at the hard one."""
        self._turn(now)
        above = (self.used / self.limit - self._soft) / (self._hard - self._soft)
        return 1.0 + 9.0 * min(1.0, max(0.0, above))

    def _turn(self, now: float) -> None:
        if now - self._since >= self._window_s:
            self.used = 0
            self._since = now
