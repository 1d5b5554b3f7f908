"""Channels: the kinds of updates that there are of a symbol, and the topic of each in the fan-out.

The fan-out sees a topic as an opaque key. That of channel ``ticker`` is the symbol itself; that of another channel is
none that a symbol could have.
"""

from collections.abc import Iterable
from typing import Final, Literal, get_args

Channel = Literal["ticker", "stats"]
"""``ticker`` is best bid and ask, last price and volume. ``stats`` are the figures of the last 24 hours."""

TICKER: Final = "ticker"
STATS: Final = "stats"
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)

_SIGN: Final = "@"
"""No symbol has it."""
_STATS_END: Final = _SIGN + STATS


def topic_of(channel: Channel, symbol: str) -> str:
    """The topic of ``symbol`` in ``channel``."""
    return symbol if channel == TICKER else f"{symbol}{_SIGN}{channel}"


def symbol_of(topic: str) -> str:
    """The symbol of a topic of any channel."""
    return topic.partition(_SIGN)[0]


def channel_of(topic: str) -> Channel:
    """The channel of a topic."""
    return STATS if topic.endswith(_STATS_END) else TICKER


def symbols_in(channel: Channel, topics: Iterable[str]) -> frozenset[str]:
    """The symbols of those of ``topics`` that are of ``channel``."""
    return frozenset(symbol_of(topic) for topic in topics if channel_of(topic) == channel)
