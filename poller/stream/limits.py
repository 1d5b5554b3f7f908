"""An exchange's limits on its streams, and how the streams behave; our timeouts are in `poller.stream.timing`."""

from typing import Final

from msgspec import Struct

NEVER_S: Final = float("inf")


class StreamLimits(Struct, frozen=True, kw_only=True):
    """The limits and the behaviour of an exchange. All times in seconds."""

    symbols_per_connection: int
    messages_per_window: int
    """Messages that we send, pongs included."""
    message_window_s: float = 1.0
    message_gap_s: float = 0.0
    """The least time between two messages that we send."""
    connects_per_window: int
    connect_window_s: float
    message_bytes: int = 1 << 20
    """The length of its longest message."""
    deflate: bool = False
    """Whether the exchange recommends compressed messages (RFC 7692)."""
    silent_s: float = 0.0
    """How long a server that does not answer pings may be silent; what it sends by itself comes sooner."""
    renew_after_s: float = NEVER_S
    """The age at which a connection is replaced, because the exchange would soon end it."""
    renew_jitter_s: float = 0.0
    received_within_s: float = NEVER_S
    """Each symbol sends something at least this often; `NEVER_S` if quiet symbols are normal."""
