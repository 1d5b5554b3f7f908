"""Our patience with an exchange's streams, in one place; tests shorten it. `StreamLimits` are the exchange's own."""

from msgspec import Struct


class DoubtTiming(Struct, frozen=True, kw_only=True):
    """How long to trust silence. All times in seconds."""

    patience_s: float = 5.0
    """A symbol quiet for so long is asked about; each time it is found to be just quiet, it may be twice as long."""
    longest_s: float = 60.0
    """No symbol is quiet for longer without being asked about."""
    gap_s: float = 5.0
    """Between two questions; one is about all that are quiet, and costs the same as about two."""
    confirm_s: float = 2.0
    """What the stream has not brought so long after REST, it does not bring."""
    unusable_s: float = 3.0
    """A stream whose quotes mean nothing for so long is as good as dead."""
    forgive_s: float = 10.0
    """After the last such quote; from then on a quiet market is taken for one."""


class StreamTiming(Struct, frozen=True, kw_only=True):
    """How streams are listened to. All times in seconds."""

    connect_timeout_s: float = 10.0
    reply_timeout_s: float = 5.0
    """For the answer to a SUBSCRIBE."""
    ready_timeout_s: float = 30.0
    """For all answers to SUBSCRIBEs."""
    quiet_s: float = 5.0
    """A connection on which nothing at all comes for so long, not even the answer to a ping, is replaced."""
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
    healthy_s: float = 60.0
    """A connection that lasted so long starts the next with the shortest backoff."""
    steady_s: float = 5.0
    """A connection that lasted so long is replaced at once when it is told to go."""
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0
    close_timeout_s: float = 1.0
