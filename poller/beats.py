"""What a beat says, and when the next one is due."""

from collections.abc import Callable

from market.status import MAX_REASON, Beat
from poller.sources import LinkState

BEAT_S = 1.0
"""A gateway calls prices stale after three of these without a beat."""
_LOOK_S = 0.25
"""Between two looks at the link: its end brings no tick that would wake anybody."""


class Beats:
    """One each second, and one within a quarter of one when the link to the exchange has changed. No I/O."""

    def __init__(self, state: Callable[[], LinkState], now_us: Callable[[], int]) -> None:
        """Beats tell what ``state`` returns, and the wall time, microseconds since the Unix epoch."""
        self.due_at = 0.0
        """When the next is due, by the event loop's time."""
        self._state = state
        self._now_us = now_us
        self._told: tuple[str, str] | None = None
        """What the last one said of the link."""

    def due(self, now: float) -> bool:
        """Whether a beat is due."""
        state = self._state()
        return now >= self.due_at or (state.source, state.link) != self._told

    def look_at(self, now: float) -> float:
        """When to ask `due` again, at the latest."""
        return min(self.due_at, now + _LOOK_S)

    @property
    def told_down(self) -> bool:
        """Whether the last beat said that the link is down."""
        return self._told is not None and self._told[1] == "down"

    def sent(self, beat: Beat, now: float) -> None:
        """The bus took ``beat``."""
        self._told = beat.source, beat.link
        if now >= self.due_at:
            # On the grid of seconds; after a time without beats on a new one.
            late = now >= self.due_at + BEAT_S
            self.due_at = (now if late else self.due_at) + BEAT_S

    def beat(self) -> Beat:
        """What the source says of its link."""
        state = self._state()
        return Beat(
            source=state.source,
            link=state.link,
            reason=state.reason[:MAX_REASON],
            since_us=state.since_us,
            sent_us=self._now_us(),
        )

    def farewell(self) -> Beat:
        """No more will come."""
        now_us = self._now_us()
        reason = "the poller was stopped"
        return Beat(source=self._state().source, link="down", reason=reason, since_us=now_us, sent_us=now_us)
