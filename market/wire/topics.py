"""The topics on the bus.

``batch.<venue>`` has the ticks of a venue, many in a message, in every partition (`market.wire.tick_batch`).
``tick.<SYMBOL>`` has the ticks of one symbol, for other programs; its last value is kept. ``feed.status`` has the
default venue's heartbeats, and ``states`` the states of all its symbols, which are kept and not sent. Another venue has
``feed.status.<venue>`` and ``venue_state.<venue>``, so a gateway older than venues receives nothing of it.

``batch.<venue>.stats`` has the figures of 24 hours of many symbols, in every partition (`market.wire.stats`).
``stats.<SYMBOL>`` has those of one symbol, and ``instruments.<venue>`` the listing of a venue (`market.wire.listings`);
both are kept. The bus knows none of this (`market.bus`).
"""

from collections.abc import Iterable
from typing import Final

from market.bus import LastValues
from market.prices.venues import DEFAULT_VENUE
from market.wire.codec import MAX_STATES_BYTES, MAX_TICK_BYTES
from market.wire.listings import MAX_LISTING_BYTES
from market.wire.stats import MAX_STATS_BYTES

HEARTBEAT: Final = "feed.status"
"""The topic of the default venue's heartbeats."""
STATES: Final = "states"
"""The topic of the states of all its symbols."""

_TICKS: Final = "tick."
_STATS: Final = "stats."


def tick_topic(symbol: str) -> str:
    """The topic of the ticks of ``symbol``."""
    return _TICKS + symbol


def batch_topic(venue: str) -> str:
    """The topic of the batches of ticks of ``venue``; each partition has its own."""
    return f"batch.{venue}"


def stats_topic(symbol: str) -> str:
    """The topic of the figures of ``symbol``."""
    return _STATS + symbol


def stats_batch_topic(venue: str) -> str:
    """The topic of the batches of figures of ``venue``; each partition has its own."""
    return f"batch.{venue}.stats"


def listing_topic(venue: str) -> str:
    """The topic of the listing of ``venue``, which is kept."""
    return f"instruments.{venue}"


def listing_change_topic(venue: str) -> str:
    """The topic of the listing of ``venue`` when it has changed; partition 0 has it."""
    return f"batch.{venue}.instruments"


def heartbeat_topic(venue: str) -> str:
    """The topic of the heartbeats of the poller of ``venue``."""
    return HEARTBEAT if venue == DEFAULT_VENUE else f"{HEARTBEAT}.{venue}"


def states_topic(venue: str) -> str:
    """The topic of the states of all symbols of ``venue``."""
    return STATES if venue == DEFAULT_VENUE else f"venue_state.{venue}"


async def last_ticks(store: LastValues, symbols: Iterable[str] | None = None) -> dict[str, bytes]:
    """Symbol → newest payload, of every symbol or of those of ``symbols``; empty in place of one too long for a tick.

    Raises:
        BusDownError: the bus did not answer.
    """
    if symbols is None:
        values = await store.read_all(_TICKS, max_bytes=MAX_TICK_BYTES)
    else:
        values = await store.read([_TICKS + symbol for symbol in symbols], max_bytes=MAX_TICK_BYTES)
    return {topic.removeprefix(_TICKS): payload for topic, payload in values.items()}


async def last_states(store: LastValues, venue: str = DEFAULT_VENUE) -> bytes | None:
    """The newest states of ``venue`` that were published; empty if too long, None if there are none.

    Raises:
        BusDownError: the bus did not answer.
    """
    topic = states_topic(venue)
    return (await store.read([topic], max_bytes=MAX_STATES_BYTES)).get(topic)


async def last_stats(store: LastValues, symbols: Iterable[str]) -> dict[str, bytes]:
    """Symbol → newest figures of ``symbols``, encoded; empty in place of what is too long.

    Raises:
        BusDownError: the bus did not answer.
    """
    values = await store.read([_STATS + symbol for symbol in symbols], max_bytes=MAX_STATS_BYTES)
    return {topic.removeprefix(_STATS): payload for topic, payload in values.items()}


async def last_listing(store: LastValues, venue: str) -> bytes | None:
    """The newest listing of ``venue``; empty if too long, None if there is none.

    Raises:
        BusDownError: the bus did not answer.
    """
    topic = listing_topic(venue)
    return (await store.read([topic], max_bytes=MAX_LISTING_BYTES)).get(topic)
