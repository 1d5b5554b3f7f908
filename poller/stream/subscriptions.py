"""The requests of one stream connection: split to size, sent in order, watched until answered. Without I/O."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Literal

import msgspec
from msgspec import Struct

from poller.network.backoff import Backoff
from poller.stream.timing import StreamTiming
from poller.venues.binance.messages import Reply

logger = logging.getLogger(__name__)

Method = Literal["SUBSCRIBE", "UNSUBSCRIBE"]

_ID_DIGITS = 16


class _Request(Struct):
    """As Binance wants it (API documents, "Live Subscribing/Unsubscribing to streams")."""

    method: Method
    params: tuple[str, ...]
    id: int


class _Batch(Struct):
    """Streams that go in one message, until the exchange has said yes."""

    method: Method
    streams: tuple[str, ...]
    backoff: Backoff
    not_before: float
    deadline: float = 0.0
    failed: bool = False


def batches(method: Method, streams: Iterable[str], most: int, most_bytes: int) -> Iterator[tuple[str, ...]]:
    """Cut ``streams`` so that each part's request has at most ``most`` of them and ``most_bytes`` bytes."""
    room = most_bytes - len(msgspec.json.encode(_Request(method, (), 10**_ID_DIGITS)))
    batch: list[str] = []
    used = 0
    for stream in streams:
        size = len(msgspec.json.encode(stream)) + 1  # in UTF-8, with its quotes, and a comma
        if batch and (len(batch) == most or used + size > room):
            yield tuple(batch)
            batch, used = [], 0
        batch.append(stream)
        used += size
    if batch:
        yield tuple(batch)


class Subscriptions:
    """What to ask of the exchange next, and what it still owes an answer to. Times are monotonic seconds."""

    def __init__(self, timing: StreamTiming, backoff: Callable[[], Backoff], failed: Callable[[], None]) -> None:
        """``failed`` is called for each SUBSCRIBE that was refused, or not answered."""
        self._timing = timing
        self._backoff = backoff
        self._failed = failed
        self._ids = count(1)
        self._waiting: deque[_Batch] = deque()
        self._unanswered: dict[int, _Batch] = {}

    def add(self, method: Method, streams: Iterable[str], now: float) -> None:
        """Ask for this, after all that was added before."""
        timing = self._timing
        for batch in batches(method, streams, timing.streams_per_message, timing.bytes_per_message):
            self._waiting.append(_Batch(method, batch, self._backoff(), now))

    @property
    def settled(self) -> bool:
        """Whether everything asked for was granted."""
        return not self._waiting and not self._unanswered

    def take(self, now: float) -> bytes | None:
        """The next message to send now, if there is one; it is then taken for sent."""
        for number, batch in list(self._unanswered.items()):
            if batch.deadline <= now:
                del self._unanswered[number]
                self._again(batch, "not answered", now)
        ready = next((batch for batch in self._waiting if batch.not_before <= now), None)
        if ready is None:
            return None
        self._waiting.remove(ready)
        number = next(self._ids)
        ready.deadline = now + self._timing.reply_timeout_s
        self._unanswered[number] = ready
        return msgspec.json.encode(_Request(ready.method, ready.streams, number))

    def due(self) -> float:
        """When `take` will next have something to do; infinity if only a new `add` can bring it."""
        times = [batch.not_before for batch in self._waiting]
        times += [batch.deadline for batch in self._unanswered.values()]
        return min(times, default=float("inf"))

    def answered(self, reply: Reply, now: float) -> None:
        """The exchange answered."""
        number = reply.id
        if number is None and reply.error:
            # Answers come in the order of the requests, so one without an id is for the oldest.
            number = next(iter(self._unanswered), None)
        batch = self._unanswered.pop(number, None) if number is not None else None
        if batch is not None and reply.error:
            self._again(batch, reply.error, now)

    def _again(self, batch: _Batch, why: str, now: float) -> None:
        # An UNSUBSCRIBE only prepares a SUBSCRIBE; repeated after it, it would undo it.
        if batch.method == "UNSUBSCRIBE":
            return
        self._failed()
        if not batch.failed:
            batch.failed = True
            logger.warning("SUBSCRIBE of %d streams (%s, …), trying on: %s", len(batch.streams), batch.streams[0], why)
        batch.not_before = now + batch.backoff.next_s()
        self._waiting.append(batch)
