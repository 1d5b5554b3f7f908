"""The poller's report of itself and of its venue's symbols, once a second (`market.wire.topics`).

A `Heartbeat` describes the whole feed, and carries the newest changes of single symbols. `States` is the full set. The
bus's store keeps it for gateways that missed a change.
"""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from market.bus import MAX_PARTITIONS
from market.prices.tick import Exact, SymbolName
from market.prices.venues import DEFAULT_VENUE

MAX_REASON: Final = 200
"""The most characters of a reason."""
MAX_CHANGES: Final = 50
"""The most symbols in one heartbeat. If more change at once, the heartbeat carries the version alone."""

Reason = Annotated[str, Meta(max_length=MAX_REASON)]

SymbolState = Literal["live", "stale", "halted", "delisted", "unknown"]
"""``live``: the price is current, even if it has not moved for long. ``stale``: it may be old. ``halted``: the exchange
lists the symbol but does not trade it now. ``delisted``: the exchange listed the symbol before, but not now.
``unknown``: the exchange does not list it, or no poller serves it."""


class SymbolStatus(Struct, frozen=True, kw_only=True, gc=False):
    """The state of one symbol."""

    symbol: SymbolName
    state: SymbolState
    reason: Reason = ""
    """Why it is not live. If it is live: empty, or what is unusual."""
    since_us: Exact
    """Since when, microseconds since the Unix epoch."""


class Changes(Struct, frozen=True, kw_only=True):
    """The changes between two versions of the states.

    A gateway with the states of version ``since`` applies ``symbols`` and has those of ``version``. A gateway with
    neither reads the full set, which is in the store before this is sent.
    """

    version: Exact
    since: Exact
    """Equal to ``version`` if there were too many changes, or if the poller has just begun to lead."""
    symbols: Annotated[list[SymbolStatus], Meta(max_length=MAX_CHANGES)] = []


class States(Struct, frozen=True, kw_only=True):
    """The states of all symbols of the poller."""

    version: Exact
    live: list[SymbolName]
    """Live symbols without a reason."""
    others: list[SymbolStatus]


class BatchLayout(Struct, frozen=True, kw_only=True):
    """How a poller publishes batches of ticks (`market.wire.tick_batch`)."""

    version: Annotated[int, Meta(ge=1)]
    """A gateway that does not know it reads the symbols' own channels."""
    partitions: Annotated[int, Meta(ge=1, le=MAX_PARTITIONS)]


class Heartbeat(Struct, frozen=True, kw_only=True):
    """The poller is alive; the link to the exchange is up or down.

    It is sent in every partition, behind every tick that was published in that partition before it. So a receiver of
    the heartbeats of all partitions has all those ticks.
    """

    source: Annotated[str, Meta(max_length=40)]
    """The source of prices, as ``binance-ws``. It may be any word, because a gateway may be older than the poller."""
    link: Literal["up", "down"]
    """Whether prices arrive from the exchange; ``down``: the prices of all symbols may be old."""
    reason: Reason = ""
    """Why the link is down, or what is unusual while it is up; else empty."""
    since_us: Exact
    """When ``link`` became what it is, microseconds since the Unix epoch."""
    sent_us: Exact
    """When this heartbeat was made, microseconds since the Unix epoch."""
    venue: Annotated[str, Meta(max_length=40)] = DEFAULT_VENUE
    """The venue of the poller; absent from a poller older than venues."""
    states: Changes | UnsetType = UNSET
    """Absent from a poller that does not publish states of symbols. Also absent while ``link`` is down and the poller
    has not read the listing yet: earlier states then hold."""
    batches: BatchLayout | UnsetType = UNSET
    """Absent from a poller that publishes each tick on its symbol's own channel only."""
    channels: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(max_length=20)] | UnsetType = UNSET
    """What the poller publishes of symbols besides ticks: ``stats``. Absent from one that publishes nothing else."""
