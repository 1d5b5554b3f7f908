"""The content of heartbeats, and when the next one is due."""

from collections.abc import Callable
from typing import Literal

from msgspec import UNSET, UnsetType

from market.prices.venues import DEFAULT_VENUE
from market.wire.status import MAX_REASON, BatchLayout, Heartbeat, States
from poller.source import LinkState
from poller.states import SymbolStates

HEARTBEAT_S = 1.0
"""A gateway calls prices stale after three of these without a heartbeat."""
WHOLE_AFTER = 30
"""All states are sent again after this many heartbeats: another writer may have replaced those on the bus."""
CHANNELS = ("stats",)
"""What is published besides ticks (`poller.publishing.slow_topics`)."""
_LOOK_S = 0.25
"""Between two checks of the link: a link that ends brings no tick that would wake the publisher."""


class HeartbeatSchedule:
    """One heartbeat each second, and one within 0.25 s when the link or a symbol's state has changed. No I/O."""

    def __init__(
        self,
        state: Callable[[], LinkState],
        states: SymbolStates,
        now_us: Callable[[], int],
        venue: str = DEFAULT_VENUE,
        batches: BatchLayout | UnsetType = UNSET,
    ) -> None:
        """Heartbeats of ``venue`` have the result of ``state``, which also updates ``states``, and the wall time.

        ``now_us`` is that time, in microseconds since the Unix epoch. They announce ``batches``.
        """
        self.due_at = 0.0
        """When the next one is due, by the event loop's time."""
        self._state = state
        self._states = states
        self._venue = venue
        self._batches = batches
        self._taken: int | None = None
        """The version of the states on the bus; None if unknown."""
        self._since_whole = 0
        """The number of heartbeats since all states were sent."""
        self._now_us = now_us
        self._sent: tuple[str, str] | None = None
        """Source and link of the last one."""

    def due(self, now: float) -> bool:
        """Whether a heartbeat is due."""
        state = self._state()
        news = self._states.known and self._states.version != self._taken
        return news or (state.source, state.link) != self._sent or now >= self.due_at

    def look_at(self, now: float) -> float:
        """When to ask `due` again, at the latest."""
        return min(self.due_at, now + _LOOK_S)

    @property
    def reported_down(self) -> bool:
        """Whether the last heartbeat said that the link is down."""
        return self._sent is not None and self._sent[1] == "down"

    def sent(self, heartbeat: Heartbeat, now: float) -> None:
        """The bus took ``heartbeat``."""
        self._sent = heartbeat.source, heartbeat.link
        if heartbeat.states:
            self._since_whole = 0 if self._gives_whole else self._since_whole + 1
            self._taken = heartbeat.states.version
            self._states.taken(self._taken)
        if now >= self.due_at:
            # On a grid of seconds; a new grid after a time without heartbeats.
            late = now >= self.due_at + HEARTBEAT_S
            self.due_at = (now if late else self.due_at) + HEARTBEAT_S

    def begin(self) -> None:
        """Send all states with the next heartbeat: what the bus holds is not known."""
        self._taken = None

    def states(self) -> States | None:
        """All states, to send with the next heartbeat; None if the bus has them, or none are known yet."""
        return self._states.whole() if self._gives_whole and self._states.known else None

    @property
    def _gives_whole(self) -> bool:
        return self._states.version != self._taken or self._since_whole >= WHOLE_AFTER

    def heartbeat(self) -> Heartbeat:
        """The heartbeat with the source's own state of its link."""
        state = self._state()
        return self._heartbeat(state.source, state.link, state.reason[:MAX_REASON], state.since_us)

    def final_heartbeat(self) -> Heartbeat:
        """The last heartbeat before a stop."""
        return self._heartbeat(self._state().source, "down", "the poller was stopped", self._now_us())

    def _heartbeat(self, source: str, link: Literal["up", "down"], reason: str, since_us: int) -> Heartbeat:
        return Heartbeat(
            source=source,
            link=link,
            reason=reason,
            since_us=since_us,
            sent_us=self._now_us(),
            venue=self._venue,
            states=self._states.changes(self._taken) if self._states.known else UNSET,
            batches=self._batches,
            channels=CHANNELS,
        )
