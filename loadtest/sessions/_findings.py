"""Who is told what a session finds."""

from typing import Protocol

from loadtest.sessions._checks import TickError


class Findings(Protocol):
    """Receives the findings of a session."""

    def measured(self, row: str, seconds: float) -> None:
        """Something took ``seconds``; ``row`` is its row of the statistics."""

    def failed(self, row: str, reason: str) -> None:
        """Something went wrong; ``reason`` is one of a few fixed texts."""

    def noticed(self, tick_error: TickError, detail: str) -> None:
        """A tick was wrong (the tally has it already); ``detail`` is for the log."""

    def feed(self, *, stale: bool, reason: str, source: str) -> None:
        """The gateway reported the state of its feed."""

    def fewer(self, held: int, wanted: int) -> None:
        """The gateway has fewer symbols than were wanted."""
