"""How often a busy feed publishes. No I/O.

Each publish costs every gateway some 15 microseconds, whatever is in it. A feed that publishes seldom never waits.
"""

from typing import Final

INTERVAL_S: Final = 0.002
"""Between two publishes of a busy feed."""
CREDIT_S: Final = 0.1
"""A feed is busy if it has published 50 times more than one publish in each interval."""


class PublishPacing:
    """Spaces publishes. Times are the event loop's."""

    def __init__(self) -> None:
        self._owed_until = float("-inf")

    def next_at(self, now: float) -> float:
        """When the next publish may begin; ``now`` or earlier if at once. It counts as begun."""
        at = self._owed_until - CREDIT_S
        self._owed_until = max(self._owed_until, now) + INTERVAL_S
        return at
