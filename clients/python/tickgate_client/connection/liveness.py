"""Whether the gateway still speaks: a frozen gateway closes nothing, and a network may lose everything in silence."""

import math
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal

from tickgate_client.connection.clock import EARLY_S, LATER_S

PAUSED_S: Final = 1.0
"""If nobody has asked for this long after the time that we named, this very program stood still."""
GRACE_S: Final = 1.0
"""Then what came meanwhile must be read before anybody is called silent."""

Verdict = Literal["well", "silent", "dead"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds without a byte of the gateway."""

    ping_s: float = 1.0
    """After these it is asked, and again and again."""
    silent_s: float = 2.5
    """After these prices are no longer called current."""
    dead_s: float = 5.0
    """After these the connection is given up."""


class Liveness:
    """The silence of one connection, and the pings that are due."""

    def __init__(self, limits: Limits, now: float) -> None:
        """A connection that was opened ``now``."""
        self._limits = limits
        self._heard_at = now
        self._asked_at = -math.inf
        self._due = [now + after_s for after_s in EARLY_S]
        """When to ask for the gateway's time, the next one first."""
        self._looked_at = now
        self._numbers = count(1)
        self._pings: dict[str, float] = {}
        """Mark → when it was due."""

    def heard(self, now: float) -> None:
        """Something came."""
        self._heard_at = now

    def look(self, now: float) -> Verdict:
        """How the connection is."""
        if now - self._looked_at > self.period_s + PAUSED_S:
            self._heard_at = max(self._heard_at, now - self._limits.silent_s + GRACE_S)
        self._looked_at = now
        silent_s = now - self._heard_at
        if silent_s >= self._limits.dead_s:
            return "dead"
        return "silent" if silent_s >= self._limits.silent_s else "well"

    def ping(self, now: float) -> str | None:
        """The mark of a ping that is due now; None if none is."""
        if now >= self._due[0]:
            self._due.pop(0)
            self._due = self._due or [now + LATER_S]
        elif now - max(self._heard_at, self._asked_at) < self._limits.ping_s:
            return None
        self._asked_at = now
        mark = f"t{next(self._numbers)}"
        self._pings[mark] = now
        return mark

    def answered(self, mark: str) -> float | None:
        """The ping with this mark is answered: when it was due; None if it is none of ours."""
        return self._pings.pop(mark, None)

    @property
    def period_s(self) -> float:
        """How often to look, at least."""
        return self._limits.ping_s / 2

    def deadline(self) -> float:
        """When to look again."""
        limits, heard_at = self._limits, self._heard_at
        ends = [at for at in (heard_at + limits.silent_s, heard_at + limits.dead_s) if at > self._looked_at]
        return min(self._looked_at + self.period_s, self._due[0], *ends)
