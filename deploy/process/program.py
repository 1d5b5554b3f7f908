"""One program of a stack: what to start, and how to see that it is ready."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import SIGTERM, Signals

from deploy.ports import Address


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program to start, and the addresses where it will listen."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    """The whole environment; it may hold secrets."""
    listens: tuple[Address, ...] = ()
    """The first one shows that it is ready. A program that listens nowhere counts as ready."""
    ready_path: str | None = None
    """The path that answers 200 over HTTP when it is ready; None if an open port is enough."""
    stop_signal: Signals = SIGTERM
    pause_s: float = 1.0
    """The time before it is started again, if it has ended by itself."""
    keeps: object = None
    """Whatever must exist as long as the program may run, such as the folder of its configuration."""
