"""Our timeouts for an exchange's streams; tests shorten them. `StreamLimits` are the exchange's own."""

from msgspec import Struct


class DoubtTiming(Struct, frozen=True, kw_only=True):
    """How long to trust silence. All times in seconds."""

    patience_s: float = 5.0
    """REST is asked about a symbol that is quiet for this long; each time it is only quiet, the time doubles."""
    longest_s: float = 60.0
    """REST is asked at the latest after a symbol is quiet for this long."""
    gap_s: float = 5.0
    """Between two requests; one is about all quiet symbols, and costs the same as for two."""
    confirm_s: float = 2.0
    """A stream is dead if it is this much later than REST with a price."""
    unusable_s: float = 3.0
    """A stream with only unusable quotes for this long counts as dead."""
    forgive_s: float = 10.0
    """After the last such quote: from then on a quiet stream counts as a quiet market."""


class StreamTiming(Struct, frozen=True, kw_only=True):
    """Timeouts and pauses of streams. All times in seconds."""

    connect_timeout_s: float = 10.0
    reply_timeout_s: float = 5.0
    """For the answer to a SUBSCRIBE."""
    ready_timeout_s: float = 30.0
    """For all answers to SUBSCRIBEs."""
    quiet_s: float = 5.0
    """A connection on which nothing arrives for this long, not even the answer to a ping, is replaced."""
    review_s: float = 0.5
    """Between two checks of silent symbols and of a connection's age."""
    grace_s: float = 3.0
    """How long a stream may be down before REST replaces it."""
    doubts: DoubtTiming = DoubtTiming()
    """When a symbol's silence is checked."""
    summary_doubts: DoubtTiming = DoubtTiming(patience_s=60.0, longest_s=600.0, gap_s=10.0)
    """The same for summaries, which cost more weight."""
    replace_s: float = 60.0
    """The least time between two replacements for a dead symbol; doubled each time, up to `longest_replace_s`."""
    longest_replace_s: float = 3600.0
    healthy_s: float = 60.0
    """After a connection that lasted this long the next one starts with the shortest backoff."""
    steady_s: float = 5.0
    """A connection that lasted this long is replaced without a pause when it is leaving."""
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0
    close_timeout_s: float = 1.0
