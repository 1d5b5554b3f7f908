"""The events of the log of what starts gateways. docs/logs.md has them all."""

from typing import Final

from market.process.event import Event

WORKER_ENDED_EARLY: Final = Event(
    "worker_ended_early",
    "ERROR",
    "the worker ended early, %(times)d times in a row; the next one starts in %(pause_s).0f s",
)
SUCCESSOR_FAILED: Final = Event(
    "successor_failed", "ERROR", "the new worker cannot start; the old one serves on, with the settings it has"
)
