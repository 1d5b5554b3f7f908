"""The exchange's limits."""

from msgspec import Struct


class CoinbaseLimits(Struct, frozen=True, kw_only=True):
    """What Coinbase Exchange allows (API documents, "WebSocket Rate Limits"); shortened by tests. In seconds."""

    messages: int = 100
    """Of a client, in a window."""
    message_window_s: float = 1.0
    connects: int = 8
    connect_window_s: float = 1.0
    subscriptions: int = 10
    """Of one product and channel, of one client."""
    subscribe_within_s: float = 5.0
    """A connection on which nothing was subscribed by then is closed."""
    heartbeat_s: float = 1.0
    batch_s: float = 0.05
    """Between two messages about one book."""
