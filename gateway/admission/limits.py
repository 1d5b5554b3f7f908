"""How often, and how many at once: what one client may take, free of I/O and clocks.

A `Rate` is kept by the generic cell rate algorithm (ITU-T I.371): a token bucket told by one number, the
time when it is full again. Times are seconds of any clock that does not go back.
"""

from collections import Counter, OrderedDict
from typing import Final, Literal

from msgspec import Struct

Verdict = Literal["ok", "refuse", "close"]
"""``ok``: within the rate. ``refuse``: a bit over, answer with an error. ``close``: a flood, hang up."""

_SLACK: Final = 1e-3
"""Tokens. Sums of floats must not refuse the last of a burst, or who keeps exactly to the rate."""


_LONGEST_WAIT_S: Final = 60.0
"""However much somebody owes for work that was let in, after so long it is paid."""


class Rate:
    """So many a second, and so many at once."""

    __slots__ = ("burst_s", "changes", "debt_s", "interval_s")

    def __init__(self, per_s: float, burst: float, debt: float = 0) -> None:
        """``burst`` tokens come at once, and ``debt`` more may be owed.

        Who owes is refused, who would owe more is closed. With ``per_s`` 0 nothing is limited; a burst is at least one
        token, else nothing would ever pass.
        """
        self.changes = 0
        """How often it has become another one."""
        self.interval_s = self.burst_s = self.debt_s = 0.0
        self.change(per_s, burst, debt)

    def change(self, per_s: float, burst: float, debt: float = 0) -> None:
        """Be another rate from now on, for everybody's buckets. Who owes more than it allows, owes nothing."""
        before = self.interval_s, self.burst_s, self.debt_s
        self.interval_s = 1 / per_s if per_s else 0.0
        """What one token takes to come back."""
        self.burst_s = (max(1.0, burst) + _SLACK) * self.interval_s
        """Until a bucket is full again, at most, while within the rate."""
        self.debt_s = self.burst_s + debt * self.interval_s
        """The same while a bit over."""
        self.changes += before != (self.interval_s, self.burst_s, self.debt_s)


class Bucket(Struct, gc=False):
    """What one connection has left of a rate. It is full at first."""

    _rate: Rate
    _full_at: float = 0.0
    _owes_until: float = 0.0
    """Until then it pays for work that was let in; nobody is closed for that, however much it was."""

    def take(self, now: float, tokens: float = 1) -> Verdict:
        """Take one token, at ``now``.

        One that is refused has been taken all the same: who goes on too fast gets into debt, and out of it by keeping
        quiet. What is refused costs ``tokens``; what is let in costs one, and what it costs
        beyond that is for `charge`.
        """
        rate = self._rate
        since = max(now, self._owes_until)
        # Further ahead than this rate lets anybody come: it was another one then.
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
        """Take ``tokens`` more for what was let in. What is not there is owed: until it is paid, all is refused."""
        rate = self._rate
        self._full_at = min(
            max(self._full_at, now) + tokens * rate.interval_s,
            max(self._full_at, now + rate.burst_s + _LONGEST_WAIT_S),
        )
        if self._full_at - now > rate.burst_s:
            self._owes_until = self._full_at - rate.burst_s + _SLACK / 2 * rate.interval_s


class KeyedBuckets:
    """One bucket for each key: for each address, or for each subject.

    A bucket that is full again is forgotten, and so is, beyond ``most_keys`` of them, the one not used for longest.
    A stranger with ever new keys therefore costs bounded memory and shuts nobody out; all that can be won
    by it is somebody's fresh bucket, at the price of that many requests.
    """

    __slots__ = ("_changes", "_full_at", "_most_keys", "_rate")

    def __init__(self, rate: Rate, most_keys: int = 100_000) -> None:
        self._rate = rate
        self._changes = rate.changes
        self._most_keys = most_keys
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """Key -> when its bucket is full again, the one used last at the end."""

    def take(self, key: str, now: float) -> Verdict:
        """One token of ``key``, as `Bucket.take`, but that what is not let in for being too much costs nothing."""
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
        """Whether one token more of ``key`` would not be let in."""
        rate = self._rate
        return rate.interval_s > 0 and self._held(key, now) + rate.interval_s - now > rate.burst_s

    def charge(self, key: str, tokens: float, now: float) -> None:
        """Take ``tokens`` more of ``key`` for what was let in, as `Bucket.charge`."""
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
        """What was owed at another rate is nothing that this one would ask for."""
        self._changes = self._rate.changes
        self._full_at.clear()

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._full_at)

    def _forget(self, now: float) -> None:
        buckets = self._full_at
        # Two for the one that may have come: all go in time, and nobody has to go through all of them at once.
        for _ in range(min(2, len(buckets))):
            key = next(iter(buckets))
            if buckets[key] > now and len(buckets) <= self._most_keys:
                return
            del buckets[key]


class Tally:
    """How many of each key are here now. Of a key that nobody holds, no trace is left."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def enter(self, key: str, limit: int) -> bool:
        """Count one more of ``key``, unless ``limit`` are here already; whether it was. 0 is no limit."""
        if limit and self._counts[key] >= limit:
            return False
        self._counts[key] += 1
        return True

    def leave(self, key: str) -> None:
        """One less of ``key``.

        Raises:
            KeyError: none is here; whoever leaves must have entered.
        """
        left = self._counts[key] - 1
        if left < 0:
            raise KeyError(key)
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]

    def __getitem__(self, key: str) -> int:
        """How many of ``key`` are here."""
        return self._counts[key]

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._counts)


class Limits(Struct):
    """What one client may take; 0 means no limit. All sessions share one object: a change of it holds for all."""

    max_symbols: int
    max_errors: int
