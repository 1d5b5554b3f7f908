"""What an exchange allows on its streams, and how they behave; our patience with them is in `poller.stream.timing`."""

from typing import Final

from msgspec import Struct

NEVER_S: Final = float("inf")


class StreamLimits(Struct, frozen=True, kw_only=True):
    """What an exchange allows, and how it behaves. All times in seconds."""

    symbols_per_connection: int
    messages_per_window: int
    """Sent by us, pongs too."""
    message_window_s: float = 1.0
    message_gap_s: float = 0.0
    """Between any two messages of ours."""
    connects_per_window: int
    connect_window_s: float
    message_bytes: int = 1 << 20
    """Its longest message."""
    deflate: bool = False
    """Whether it advises to have its messages compressed (RFC 7692)."""
    silent_s: float = 0.0
    """For how long a server may be silent that is known to answer no pings; what it sends by itself comes sooner."""
    renew_after_s: float = NEVER_S
    """A connection is replaced when it is so old: the exchange would end it."""
    renew_jitter_s: float = 0.0
    received_within_s: float = NEVER_S
    """Of each symbol something comes at least so often; `NEVER_S` where a quiet symbol is nothing unusual."""
