"""A connection, as cohorts and hub see it: what it wants, what it can do, what it is sent alone, what it missed."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from gateway.protocol.encoding import Encoding
from gateway.protocol.encodings import DEFAULT
from gateway.protocol.forms import FramedStatus, FramedTick

Rule = Literal["latest", "every"]
"""Conflation of a topic for who is slower than it: the ``latest`` update only, or ``every`` one in a bounded queue."""


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
    """What is sent to one connection alone: snapshots, ticks of other topics, and behind them states."""

    ticks: Sequence[FramedTick] = ()
    snapshots: Sequence[FramedTick] = ()
    states: Sequence[FramedStatus] = ()


class Missed(Struct):
    """What a connection has missed of one of its cohorts when it becomes slow.

    It is owed the newest tick of every topic in ``owed``, and of every topic of its cohort that was
    published after ``offset``; a snapshot of every topic in ``snapshots``; and the state of every topic in
    ``states``, and of every topic of its cohort whose state was published after ``offset``.
    """

    offset: int
    count: int = 0
    """Ticks of its cohort published so far that it has not been sent."""
    owed: set[str] = set()
    snapshots: set[str] = set()
    states: set[str] = set()
    begins: bool = False
    """Whether it has not been too slow: it is only owed too much for one write."""


class Member(Protocol):
    """A connection, as the fan-out sees it."""

    encoding: Encoding
    watched: bool
    """Whether marks tell how far it has read: something before it may hoard what the kernel has passed on."""
    rtt_s: float
    """How long it usually takes to answer a ping; infinite before it has answered one."""

    @property
    def drained(self) -> bool:
        """Whether the kernel has taken everything that was written."""

    @property
    def has_unread(self) -> bool:
        """Whether anything from it waits in the kernel to be read."""

    def send(self, blob: bytes) -> bool:
        """Write at once and return True, or return False because the socket is not draining."""

    def enqueue(self, blob: bytes) -> None:
        """Write, however slow the socket; the connection closes itself when too much is waiting."""

    def reply(self, frames: bytes) -> None:
        """Write what may not be conflated away."""

    def abort(self, reason: str) -> None:
        """Cut the connection off at once."""
