"""Rates and counts: what one client may take. No I/O, no clock of its own.

A `Rate` is kept by the generic cell rate algorithm (ITU-T I.371): a token bucket as a single number, the time when it
is full again. Times are seconds of any clock that does not go back.
"""

from collections import Counter, OrderedDict
from typing import Final, Literal

from msgspec import Struct

Verdict = Literal["ok", "refuse", "close"]
"""``ok``: within the rate. ``refuse``: a bit over, answer with an error. ``close``: a flood, hang up."""

_SLACK: Final = 1e-3
"""Tokens. Rounding errors must not refuse the last of a burst, or a client that keeps exactly to the rate."""


_LONGEST_WAIT_S: Final = 60.0
"""A debt for work that was let in is paid after so long at the latest."""


class Rate:
    """Tokens per second, and tokens at once."""

    __slots__ = ("burst_s", "changes", "debt_s", "interval_s")

    def __init__(self, per_s: float, burst: float, debt: float = 0) -> None:
        """``burst`` tokens may come at once, and ``debt`` more may be owed.

        In debt a client is refused; if it would owe more, it is closed. ``per_s`` of 0 means no limit. A burst is at
        least one token, else nothing would ever pass.
        """
        self.changes = 0
        """How often the rate has changed."""
        self.interval_s = self.burst_s = self.debt_s = 0.0
        self.change(per_s, burst, debt)

    def change(self, per_s: float, burst: float, debt: float = 0) -> None:
        """Change the rate from now on, for all buckets. A debt larger than the new rate allows is forgiven."""
        before = self.interval_s, self.burst_s, self.debt_s
        self.interval_s = 1 / per_s if per_s else 0.0
        """The time for one token to come back."""
        self.burst_s = (max(1.0, burst) + _SLACK) * self.interval_s
        """The longest time until a bucket is full again, within the rate."""
        self.debt_s = self.burst_s + debt * self.interval_s
        """The same for a bit over."""
        self.changes += before != (self.interval_s, self.burst_s, self.debt_s)


class Bucket(Struct, gc=False):
    """What one connection has left of a rate. It is full at first."""

    _rate: Rate
    _full_at: float = 0.0
    _owes_until: float = 0.0
    """Until then it pays for work that was let in. Nobody is closed for that, however much it was."""

    def take(self, now: float, tokens: float = 1) -> Verdict:
        """Take one token, at ``now``.

        A refused one is taken all the same: a client that goes on too fast gets into debt, and out of it by pausing. A
        refusal costs ``tokens``. What is let in costs one; `charge` takes the rest of its cost.
        """
        rate = self._rate
        since = max(now, self._owes_until)
        # Further ahead than this rate allows: the rate was another one then.
        held = self._full_at if 0 < self._full_at - since <= rate.debt_s else since
        if held + rate.interval_s - now <= rate.burst_s:
            self._full_at = held + rate.interval_s
            return "ok"
        full_at = held + tokens * rate.interval_s
        if full_at - since > rate.debt_s:
            return "close"
        self._full_at = full_at
        return "refuse"

    def charge(self, tokens: float, now: float) -> None:
        """Take ``tokens`` more for what was let in.

        Missing tokens are a debt: until it is paid, everything is refused.
        """
        rate = self._rate
        self._full_at = min(
            max(self._full_at, now) + tokens * rate.interval_s,
            max(self._full_at, now + rate.burst_s + _LONGEST_WAIT_S),
        )
        if self._full_at - now > rate.burst_s:
            self._owes_until = self._full_at - rate.burst_s + _SLACK / 2 * rate.interval_s


class KeyedBuckets:
    """One bucket for each key, such as an address or a subject.

    A full bucket is forgotten. Beyond ``most_keys`` buckets, the one unused for longest is forgotten too. So a stranger
    with ever new keys costs bounded memory and shuts nobody out. All that it can gain is a fresh bucket, at the price
    of that many requests.
    """

    __slots__ = ("_changes", "_full_at", "_most_keys", "_rate")

    def __init__(self, rate: Rate, most_keys: int = 100_000) -> None:
        self._rate = rate
        self._changes = rate.changes
        self._most_keys = most_keys
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """Key → when its bucket is full again; the one used last is at the end."""

    def take(self, key: str, now: float) -> Verdict:
        """Take one token of ``key``, as `Bucket.take` does, except that ``close`` costs nothing."""
        rate, buckets = self._rate, self._full_at
        if not rate.interval_s:
            return "ok"
        if self._changes != rate.changes:
            self._forgive()
        held = buckets.get(key, now)
        full_at = (held if held > now else now) + rate.interval_s
        ahead_s = full_at - now
        if ahead_s > rate.debt_s:
            if key in buckets:
                buckets.move_to_end(key)
            return "close"
        buckets[key] = full_at
        buckets.move_to_end(key)
        self._forget(now)
        return "ok" if ahead_s <= rate.burst_s else "refuse"

    def owes(self, key: str, now: float) -> bool:
        """Whether one more token of ``key`` would be refused."""
        rate = self._rate
        return rate.interval_s > 0 and self._held(key, now) + rate.interval_s - now > rate.burst_s

    def charge(self, key: str, tokens: float, now: float) -> None:
        """Take ``tokens`` more of ``key`` for what was let in, as `Bucket.charge` does."""
        rate, buckets = self._rate, self._full_at
        if rate.interval_s:
            held = self._held(key, now)
            most = max(held, now + rate.burst_s + _LONGEST_WAIT_S)
            buckets[key] = min(held + tokens * rate.interval_s, most)
            buckets.move_to_end(key)
            self._forget(now)

    def _held(self, key: str, now: float) -> float:
        if self._changes != self._rate.changes:
            self._forgive()
        return max(now, self._full_at.get(key, now))

    def _forgive(self) -> None:
        """Forget debts of another rate."""
        self._changes = self._rate.changes
        self._full_at.clear()

    def __len__(self) -> int:
        """The number of keys that are remembered."""
        return len(self._full_at)

    def _forget(self, now: float) -> None:
        buckets = self._full_at
        # Two for each one that may have come: so all go in time, and nobody has to check all of them at once.
        for _ in range(min(2, len(buckets))):
            key = next(iter(buckets))
            if buckets[key] > now and len(buckets) <= self._most_keys:
                return
            del buckets[key]


class Tally:
    """How many of each key are here now. A key without any leaves no trace."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def enter(self, key: str, limit: int) -> bool:
        """Count one more of ``key``, unless ``limit`` are here already; return whether it was. 0 means no limit."""
        if limit and self._counts[key] >= limit:
            return False
        self._counts[key] += 1
        return True

    def leave(self, key: str) -> None:
        """Count one less of ``key``.

        Raises:
            KeyError: none is here; only what has entered may leave.
        """
        left = self._counts[key] - 1
        if left < 0:
            raise KeyError(key)
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]

    def __getitem__(self, key: str) -> int:
        """The number of ``key`` that are here."""
        return self._counts[key]

    def __len__(self) -> int:
        """The number of keys."""
        return len(self._counts)


class Limits(Struct):
    """What one client may take; 0 means no limit. All sessions share one object, so a change holds for all."""

    max_symbols: int
    max_errors: int
