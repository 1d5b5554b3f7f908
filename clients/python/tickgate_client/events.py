"""What a stream tells beside ticks."""

from dataclasses import dataclass, field
from typing import Any, Literal

from tickgate_client.tick import Tick

StateName = Literal["live", "stale", "halted", "delisted", "unknown"]


@dataclass(frozen=True, slots=True)
class State:
    """Whether the price of one symbol is current. As an event: it has changed."""

    symbol: str
    state: str
    """``live``, ``stale`` (the price may be old), ``halted``, ``delisted`` or ``unknown``."""
    reason: str = ""
    """Why it is not live; if it is: empty, or what is unusual."""
    since_us: int = field(default=0, compare=False)
    """Since when; microseconds since 1970."""
    source: str = ""
    """Where the venue's prices come from: ``binance-ws``, ``simulated`` or another word; empty if that is not known."""

    @property
    def live(self) -> bool:
        """Whether the price is current."""
        return self.state == "live"


@dataclass(frozen=True, slots=True)
class Gap:
    """Of a symbol with ``conflate=False``: here ticks are missing, or may be."""

    symbol: str
    from_seq: int
    """The first number that is missing."""
    to_seq: int | None
    """The last one; None if nobody knows."""
    cause: Literal["history", "slow", "jump"]
    """``history``: the gateway does not have all that was missed. ``slow``: this program read too slowly, and its queue
    was full. ``jump``: the numbers go on elsewhere: another poller took over, or the bus was away."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection is open, and everything is subscribed to again."""

    client: str
    """The gateway's name for this connection, which its log has."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection has ended, or could not be made. The next one is tried without any help."""

    reason: str
    code: int | None
    """The close code, or the HTTP status of a refusal; None without either."""
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class Problem:
    """The gateway refused something that nobody waits for, such as a symbol that it serves no more."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of 24 hours of one symbol, from the channel ``stats``: strings as the exchange wrote them."""

    symbol: str
    fields: dict[str, Any]
    """``open``, ``high``, ``low``, ``last``, ``volume``, ``quote_volume``, ``ts_us`` and others, if they are known."""

    def __getitem__(self, name: str) -> Any:
        """One of ``fields``."""
        return self.fields[name]


Event = Tick | State | Gap | Stats | Connected | Disconnected | Problem
