"""The beat: what the poller says of itself once a second, on the channel ``feed.status``."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from market.tick import Exact

MAX_REASON = 200
"""Characters of ``Beat.reason``."""

Source = Literal["binance-ws", "binance-rest", "simulated", "replay"]


class Beat(Struct, frozen=True, kw_only=True):
    """The poller is alive, and hears the exchange or not.

    A beat follows, on the same connection, every tick published before it, so who has the beat has the ticks.
    """

    source: Source
    link: Literal["up", "down"]
    """Whether prices arrive from the exchange."""
    reason: Annotated[str, Meta(max_length=MAX_REASON)] = ""
    """Why the link is down, or what is unusual while it is up; empty where there is nothing to say."""
    since_us: Exact
    """When ``link`` became what it is, microseconds since the Unix epoch."""
    sent_us: Exact
    """When this beat was made, microseconds since the Unix epoch."""
