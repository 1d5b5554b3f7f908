"""A connection, as cohorts and hub see it: what it wants, can do, is sent alone and has missed."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from gateway.protocol.encoding import Encoding
from gateway.protocol.encodings import DEFAULT
from gateway.protocol.forms import FramedStatus, FramedTick

Rule = Literal["latest", "every"]
"""What a connection gets that is slower than the topic: only the ``latest`` update, or ``every`` one in a bounded
queue."""


class Subscription(Struct, frozen=True, gc=False):
    """What a connection wants: topics with one set of options. Equal subscriptions share a cohort."""

    topics: frozenset[str]
    encoding: Encoding = DEFAULT
    batch: bool = False
    deflate: bool = False
    """Whether batches are compressed; single ticks never are."""
    max_hz: float | None = None
    rule: Rule = "latest"


class Share(Struct, frozen=True, gc=False):
    """What is sent to one connection alone: snapshots, ticks of other topics, then states."""

    ticks: Sequence[FramedTick] = ()
    snapshots: Sequence[FramedTick] = ()
    states: Sequence[FramedStatus] = ()


class Missed(Struct):
    """What a connection has missed of one of its cohorts when it becomes slow.

    It is owed:

    - the newest tick of every topic in ``owed``, and of every topic of its cohort published after ``offset``;
    - a snapshot of every topic in ``snapshots``;
    - the state of every topic in ``states``, and of every topic of its cohort whose state was published after
      ``offset``.
    """

    offset: int
    count: int = 0
    """The number of ticks of its cohort that it was not sent."""
    owed: set[str] = set()
    snapshots: set[str] = set()
    states: set[str] = set()
    begins: bool = False
    """Whether it was not too slow: it is only owed too much for one write."""


class Member(Protocol):
    """A connection, as the fan-out sees it."""

    encoding: Encoding
    watched: bool
    """Whether marks show how far it has read: something before it may buffer what the kernel has passed on."""
    rtt_s: float
    """The usual round trip of a ping; infinite before the first answer."""
    slow_s: float
    """For how long it was a slow consumer, until it was none."""

    @property
    def drained(self) -> bool:
        """Whether the kernel has taken everything that was written."""

    @property
    def has_unread(self) -> bool:
        """Whether anything from it waits to be read."""

    def send(self, blob: bytes) -> bool:
        """Write at once and return True, or return False: the socket is not draining."""

    def enqueue(self, blob: bytes) -> None:
        """Write, however slow the socket is. The connection closes itself when too much waits."""

    def reply(self, frames: bytes) -> None:
        """Write what may not be conflated away."""

    def abort(self, reason: str) -> None:
        """Cut the connection off at once."""
