"""The requests of one stream connection: sent in order, pending until answered. No I/O."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count

from msgspec import Struct

from poller.log_events import SUBSCRIBE_REFUSED, SUBSCRIBE_RETRIED
from poller.network.backoff import Backoff
from poller.stream.dialect import Ack, Request
from poller.stream.timing import StreamTiming

logger = logging.getLogger(__name__)


class _Pending(Struct):
    """A request, until the exchange has granted it."""

    request: Request
    backoff: Backoff
    not_before: float
    deadline: float = 0.0
    failed: bool = False


class Subscriptions:
    """The requests to send next, and those without an answer yet. Times are monotonic seconds."""

    def __init__(self, timing: StreamTiming, backoff: Callable[[], Backoff], failed: Callable[[], None]) -> None:
        """``failed`` is called for each SUBSCRIBE that was refused or not answered."""
        self._timing = timing
        self._backoff = backoff
        self._failed = failed
        self._ids = count(1)
        self._waiting: deque[_Pending] = deque()
        self._unanswered: dict[int, _Pending] = {}

    def add(self, requests: Iterable[Request], now: float) -> None:
        """Queue these requests behind all earlier ones."""
        self._waiting += [_Pending(request, self._backoff(), now) for request in requests]

    @property
    def settled(self) -> bool:
        """Whether every request was granted or finally refused."""
        return not self._waiting and not self._unanswered

    def take(self, now: float) -> bytes | None:
        """Return the next message to send now, or None; it then counts as sent."""
        for number, pending in list(self._unanswered.items()):
            if pending.deadline <= now:
                del self._unanswered[number]
                self._again(pending, "not answered", now)
        ready = next((pending for pending in self._waiting if pending.not_before <= now), None)
        if ready is None:
            return None
        self._waiting.remove(ready)
        number = next(self._ids)
        ready.deadline = now + self._timing.reply_timeout_s
        self._unanswered[number] = ready
        return ready.request.encode(number)

    def due(self) -> float:
        """When `take` will next have something to do; infinity if it needs a new `add` for that."""
        times = [pending.not_before for pending in self._waiting]
        times += [pending.deadline for pending in self._unanswered.values()]
        return min(times, default=float("inf"))

    def answered(self, ack: Ack, now: float) -> tuple[str, ...]:
        """Process the exchange's answer; return the subjects that it finally refused."""
        refused: list[str] = []
        for number in self._meant(ack):
            pending = self._unanswered.pop(number)
            if ack.error and ack.again:
                self._again(pending, ack.error, now)
            elif ack.error and pending.request.method == "SUBSCRIBE":
                self._failed()
                logger.warning(SUBSCRIBE_REFUSED, _named(pending.request), ack.error)
                refused += pending.request.subjects
        return tuple(refused)

    def _meant(self, ack: Ack) -> list[int]:
        """The numbers of the requests that this answers."""
        if ack.id is not None:
            return [ack.id] if ack.id in self._unanswered else []
        if ack.subjects:
            subjects = set(ack.subjects)
            return [number for number, its in self._unanswered.items() if _is_about(its.request, subjects, ack.error)]
        # Answers come in the order of the requests, so an error that names nothing is for the oldest.
        return list(self._unanswered)[:1] if ack.error else []

    def _again(self, pending: _Pending, why: str, now: float) -> None:
        # A repeated UNSUBSCRIBE would come after a SUBSCRIBE of the same subjects, and undo it.
        if pending.request.method == "UNSUBSCRIBE":
            return
        self._failed()
        if not pending.failed:
            pending.failed = True
            logger.warning(SUBSCRIBE_RETRIED, _named(pending.request), why)
        pending.not_before = now + pending.backoff.next_s()
        self._waiting.append(pending)


def _is_about(request: Request, subjects: set[str], error: str) -> bool:
    """Whether an answer about ``subjects`` answers ``request``."""
    if error:
        return not subjects.isdisjoint(request.subjects)
    return (
        subjects.issuperset(request.subjects)
        if request.method == "SUBSCRIBE"
        else subjects.isdisjoint(request.subjects)
    )


def _named(request: Request) -> str:
    return f"{len(request.subjects)} streams ({request.subjects[0]}, …)"
