"""What a poller says of itself and of its venue's symbols, once a second (`market.topics`).

A `Heartbeat` speaks of the whole feed, and carries the newest changes of single symbols. `States` is the full set of
them, kept in the bus's store, for who missed a change.
"""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from market.tick import Exact, SymbolName
from market.venues import DEFAULT_VENUE

MAX_REASON: Final = 200
"""Characters of a reason."""
MAX_CHANGES: Final = 50
"""Symbols in one heartbeat; of more changes at once a heartbeat carries the version alone."""

Reason = Annotated[str, Meta(max_length=MAX_REASON)]

SymbolState = Literal["live", "stale", "halted", "delisted", "unknown"]
"""``live``: the price is current, also where it has not moved for long. ``stale``: it may be old. ``halted``: the
exchange lists the symbol, and does not trade it now. ``delisted``: the exchange listed it, and does not any more.
``unknown``: the exchange does not list it, or no poller serves it."""


class SymbolStatus(Struct, frozen=True, kw_only=True, gc=False):
    """The state of one symbol."""

    symbol: SymbolName
    state: SymbolState
    reason: Reason = ""
    """Why it is not live; where it is, empty, or what is unusual."""
    since_us: Exact
    """Since when, microseconds since the Unix epoch."""


class Changes(Struct, frozen=True, kw_only=True):
    """What has changed between two versions of the states.

    Who holds the states of version ``since`` has those of ``version`` with ``symbols`` put in. Who holds neither
    reads the full set, which is in the store before this is sent.
    """

    version: Exact
    since: Exact
    """``version`` itself where the changes were too many, or where the poller has just begun to lead."""
    symbols: Annotated[list[SymbolStatus], Meta(max_length=MAX_CHANGES)] = []


class States(Struct, frozen=True, kw_only=True):
    """The states of all symbols that the poller serves."""

    version: Exact
    live: list[SymbolName]
    """Those that are live, and of which there is nothing to say."""
    others: list[SymbolStatus]


class Heartbeat(Struct, frozen=True, kw_only=True):
    """The poller is alive, and hears the exchange or not.

    A heartbeat follows, on the same connection, every tick published before it, so who has the heartbeat has the ticks.
    """

    source: Annotated[str, Meta(max_length=40)]
    """Who delivers, as ``binance-ws``; any word, for a gateway may be older than the poller."""
    link: Literal["up", "down"]
    """Whether prices arrive from the exchange; ``down`` says that those of every symbol may be old."""
    reason: Reason = ""
    """Why the link is down, or what is unusual while it is up; empty where there is nothing to say."""
    since_us: Exact
    """When ``link`` became what it is, microseconds since the Unix epoch."""
    sent_us: Exact
    """When this heartbeat was made, microseconds since the Unix epoch."""
    venue: Annotated[str, Meta(max_length=40)] = DEFAULT_VENUE
    """Whose poller it is; absent from one that is older than venues."""
    states: Changes | UnsetType = UNSET
    """Absent from a poller that does not tell the states of symbols; and while ``link`` is down, from one that has not
    been told yet what the exchange lists. What was told before then holds."""
