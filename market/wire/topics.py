"""The topics on the bus, and what is published on them.

``tick.<SYMBOL>`` has ticks, ``feed.status`` the default venue's heartbeats, and ``states`` the states of all its
symbols, which are kept and not sent. Another venue has ``feed.status.<venue>`` and ``venue_state.<venue>``, so a
gateway older than venues receives nothing of it. The bus knows none of this (`market.bus`); payloads are of
`market.wire.codec`.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from market.bus import Batch, LastValues
from market.prices.tick import Tick
from market.prices.venues import DEFAULT_VENUE
from market.wire.codec import MAX_STATES_BYTES, MAX_TICK_BYTES, encode_heartbeat, encode_states, encode_tick
from market.wire.status import Heartbeat, States

HEARTBEAT: Final = "feed.status"
"""The topic of the default venue's heartbeats."""
STATES: Final = "states"
"""The topic of the states of all its symbols."""

_TICKS: Final = "tick."


def tick_topic(symbol: str) -> str:
    """The topic of the ticks of ``symbol``."""
    return _TICKS + symbol


def heartbeat_topic(venue: str) -> str:
    """The topic of the heartbeats of the poller of ``venue``."""
    return HEARTBEAT if venue == DEFAULT_VENUE else f"{HEARTBEAT}.{venue}"


def states_topic(venue: str) -> str:
    """The topic of the states of all symbols of ``venue``."""
    return STATES if venue == DEFAULT_VENUE else f"venue_state.{venue}"


def batch_of(ticks: Sequence[Tick], heartbeat: Heartbeat | None = None, states: States | None = None) -> Batch:
    """``ticks`` in their order, ``states`` to be kept, and ``heartbeat`` as the barrier behind both.

    Heartbeat and states are those of the venue that ``heartbeat`` names.
    """
    venue = DEFAULT_VENUE if heartbeat is None else heartbeat.venue
    return Batch(
        updates=[(_TICKS + tick.symbol, encode_tick(tick)) for tick in ticks],
        values=() if states is None else ((states_topic(venue), encode_states(states)),),
        barrier=None if heartbeat is None else (heartbeat_topic(venue), encode_heartbeat(heartbeat)),
    )


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
