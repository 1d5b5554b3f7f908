"""Binance's limits and our own patience, in one place; tests shorten them.

Limits are from Binance's API documents ("Limits" of REST, "General information" of WebSocket streams).
"""

from msgspec import Struct

from poller.stream.staleness import DoubtTiming


class RestTiming(Struct, frozen=True, kw_only=True):
    """How `binance-rest` asks. All times in seconds."""

    interval_s: float = 1.0
    """Between two requests for quotes, and between two for summaries."""
    market_interval_s: float = 40.0
    """Between two summaries of the whole market, which cost 80."""
    request_timeout_s: float = 5.0
    exchange_info_timeout_s: float = 30.0
    """All symbols are several megabytes."""
    quiet_s: float = 3.0
    """Without any price for so long, the link is down; without one of a symbol, that symbol is stale."""
    listing_s: float = 3600.0
    """Between two looks at what is listed."""
    absent_s: float = 60.0
    """Between two looks at the symbols that are not traded."""
    still_s: float = 5.0
    """A quote that stands still for so long is a ground to look at what is listed."""
    doubts_gap_s: float = 5.0
    """Between two looks at what is in doubt, at least; longer while much of the weight is used."""
    doubt_s: float = 10.0
    """From a look at what was in doubt to the next one, at least; twice as long each time nothing has changed."""
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0
    weight_limit: int = 6000
    """Per `weight_window_s` and IP, until ``exchangeInfo`` says otherwise."""
    weight_window_s: float = 60.0


class StreamTiming(Struct, frozen=True, kw_only=True):
    """How `binance-ws` listens. All times in seconds."""

    streams_per_connection: int = 1024
    streams_per_message: int = 200
    bytes_per_message: int = 4096
    """A longer SUBSCRIBE is not even answered (seen by users)."""
    message_gap_s: float = 0.5
    """Between any two messages to the exchange, pongs too: 0.5 s holds, 0.25 s does not (seen by users)."""
    messages_per_window: int = 5
    message_window_s: float = 1.0
    connects_per_window: int = 290
    """Below the exchange's 300: the network may squeeze attempts together, and others share the IP."""
    connect_window_s: float = 300.0
    connect_timeout_s: float = 10.0
    reply_timeout_s: float = 5.0
    """For the answer to a SUBSCRIBE."""
    ready_timeout_s: float = 30.0
    """For all answers to SUBSCRIBEs."""
    quiet_s: float = 5.0
    """A connection on which nothing at all comes for so long, not even the answer to a ping, is replaced."""
    silent_s: float = 25.0
    """The same of an exchange that is known to answer no pings; its own come each 20 s."""
    review_s: float = 0.5
    """Between two looks at who is quiet, and how old the connection is."""
    grace_s: float = 3.0
    """How long a stream may be away before REST takes its place."""
    doubts: DoubtTiming = DoubtTiming()
    """When a symbol's silence is looked into."""
    summary_doubts: DoubtTiming = DoubtTiming(patience_s=60.0, longest_s=600.0, gap_s=10.0)
    """The same of summaries, which cost more to ask for."""
    replace_s: float = 60.0
    """Between two connections replaced for a dead symbol, at least; each time twice as long, if need be."""
    longest_replace_s: float = 3600.0
    renew_after_s: float = 23 * 3600.0
    """The exchange ends every connection at 24 h."""
    renew_jitter_s: float = 1800.0
    healthy_s: float = 60.0
    """A connection that lasted so long starts the next with the shortest backoff."""
    steady_s: float = 5.0
    """A connection that lasted so long is replaced at once when it is told to go."""
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0
    close_timeout_s: float = 1.0
