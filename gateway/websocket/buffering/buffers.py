"""What the process keeps for clients: what they do not read or do not finish, and windows of those that compress.

Nothing of that may last, whoever the client is: with or without symbols, before a token or while it is closed. Only a
connection that keeps something costs anything here, and a sweep looks only at those whose time is over.
"""

import asyncio
import logging
import math
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from gateway.metrics import Counters
from gateway.websocket.buffering.entries import PIECE_BYTES, Holder, Unfinished, Unread, overdue

QUEUE_LIMIT_BYTES: Final = 1024 * 1024
"""What may wait for one client: every tick, for one that asked for that, notices, and the answers to a burst."""

ANSWERS_BYTES: Final = 64 * 1024
"""More than this of answers to its own messages may wait for `ANSWERS_S` only."""

ANSWERS_S: Final = 1.0
"""As long as a client takes to read what it asked for in one burst."""

SWEEP_S: Final = 0.25

_AT_ONCE: Final = 200
"""Ends are work too: many at once would hold up everybody."""

_FREED: Final = 1 / 8
"""So much of the budget is free once its greatest holders are gone, so that this is not done for every byte."""
_COUNTED_AGAIN: Final = 1 / 64
"""The budget may be passed by so much before all is counted again."""
_LOG_S: Final = 10.0
"""Between two log lines about the budget."""

logger = logging.getLogger(__name__)


class Bounds(Struct, frozen=True):
    """What may be kept, and for how long."""

    unread_s: float
    """What waits to be read, of any connection."""
    message_s: float
    """What has come of a message that is not whole; nothing that comes in between gives it more time."""
    budget: int
    """Bytes of all connections together; 0 is no limit."""


class Buffers:
    """All connections of a gateway that keep anything in memory."""

    def __init__(self, counters: Counters, bounds: Bounds) -> None:
        self.counters = counters
        self._loop = asyncio.get_running_loop()
        # Each is in the order of `since`, so that only the first of it have to be looked at.
        self._unread: dict[Holder, Unread] = {}
        self._greedy: dict[Holder, float] = {}
        """Those with more than `ANSWERS_BYTES`, each since when."""
        self._unfinished: dict[Holder, Unfinished] = {}
        self._kept: dict[Holder, int] = {}
        """Bytes that have no time of their own here: of windows, and of requests that are not whole."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        """When it is."""
        self._frozen_s = 0.0
        """Time in which the process stood still, with something kept: nobody could be read or heard."""
        self._held = 0
        """What is kept, at most: what was read since it was last counted is still in it."""
        self._counting = False
        """Whether they are about to be counted."""
        self._log_again = 0.0
        self._unsaid = self._unsaid_bytes = 0
        self.change(bounds)

    def change(self, bounds: Bounds) -> None:
        """Go by other ``bounds`` from now on, also for those that keep something already."""
        self._bounds = bounds
        self._budget = self._count_at = bounds.budget
        self.keep_budget()

    @property
    def unread_s(self) -> float:
        """How long anything may wait to be read."""
        return self._bounds.unread_s

    def __len__(self) -> int:
        """How many connections keep something."""
        return len(self._unread.keys() | self._unfinished.keys() | self._kept.keys())

    def held_bytes(self) -> int:
        """What all of them keep, counted now."""
        return sum(cost for _, cost in self._costs())

    # Told by connections.

    def waits(self, holder: Holder) -> None:
        """The kernel has refused something of ``holder``, which waits."""
        self.drained(holder)
        waiting = holder.waiting_bytes
        self._unread[holder] = unread = Unread(self._now(), waiting, waiting)
        self._watch()
        self._count_later(unread, waiting + PIECE_BYTES)

    def drained(self, holder: Holder) -> None:
        """Nothing waits for ``holder`` any more."""
        unread = self._unread.pop(holder, None)
        if unread is not None:
            self._held -= unread.counted
            self._greedy.pop(holder, None)

    def take(self, holder: Holder, size: int, *, answer: bool) -> bool:
        """Whether ``size`` bytes more may wait for ``holder``; ``answer``: they answer a message of its own."""
        waiting = holder.waiting_bytes
        unread = self._unread.get(holder)
        if unread is None:
            return True
        answers = min(unread.answers, unread.cost(waiting))
        if waiting > QUEUE_LIMIT_BYTES or answers > QUEUE_LIMIT_BYTES:
            if answer:
                self.counters.buffers_cut_off["answers"] += 1
                self.forget(holder)
            return False
        if answer:
            if answers > ANSWERS_BYTES:
                self._greedy.setdefault(holder, self._now())
            unread.answers = answers + size + PIECE_BYTES
        unread.written += size
        unread.pieces += 1
        self._count_later(unread, unread.counted + size + PIECE_BYTES)
        return True

    def read(self, holder: Holder, frame: bytearray | None, message: bytearray | None) -> None:
        """After a read of ``holder`` so much is unfinished: of a frame, and of a message whose other frames are whole.

        As long as they are the same objects, it is the same frame and the same message.
        """
        before = self._unfinished.get(holder)
        if frame is None and message is None:
            if before is not None:
                self._finish(holder)
            return
        if before is None or not before.continues(frame, message):
            if before is not None:
                self._finish(holder)
            self._unfinished[holder] = before = Unfinished(self._now(), frame, message)
            self._watch()
        else:
            before.frame, before.message = frame, message
        if self._count(before, len(frame or b"") + len(message or b"")):
            # At once: in one turn of the event loop all of them may read.
            self.keep_budget()

    def keeps(self, holder: Holder, size: int) -> None:
        """So much of what ``holder`` has sent is kept beside an unfinished message."""
        self._held += size - self._kept.pop(holder, 0)
        if size:
            self._kept[holder] = size
        if self._held > self._count_at > 0:
            self.keep_budget()

    def forget(self, holder: Holder) -> None:
        """``holder`` is gone."""
        self.drained(holder)
        self._held -= self._kept.pop(holder, 0)
        self._finish(holder)

    def _finish(self, holder: Holder) -> None:
        unfinished = self._unfinished.pop(holder, None)
        if unfinished is not None:
            self._held -= unfinished.counted

    # Times.

    def _now(self) -> float:
        return self._loop.time() - self._frozen_s

    def _watch(self, within_s: float = SWEEP_S) -> None:
        if self._timer is None:
            self._due = self._loop.time() + within_s
            self._timer = self._loop.call_later(within_s, self.sweep)

    def sweep(self) -> None:
        """Cut off those whose time is over."""
        self._timer = None
        late_s = self._loop.time() - self._due
        if late_s > SWEEP_S:
            self._frozen_s += late_s
        left = 0
        try:
            left = self._end_overdue(_AT_ONCE)
        finally:
            # A fault of ours with one must not end the sweeps for all.
            if self._unread or self._unfinished:
                self._watch(SWEEP_S if left else 0)

    def _end_overdue(self, most: int) -> int:
        """Look at those whose time is over, at ``most`` so many, and return how many more could have been."""
        now = self._now()
        for holder in overdue(self._greedy, now - ANSWERS_S, most):
            most -= 1
            self._judge_answers(holder)
        for holder in overdue(self._unread, now - self.unread_s, most):
            most -= 1
            self._judge_unread(holder, now)
        for holder in overdue(self._unfinished, now - self._bounds.message_s, most):
            most -= 1
            if holder.waits_to_be_read:
                continue
            self._finish(holder)
            self.counters.buffers_cut_off["unfinished"] += 1
            holder.end_unfinished()
        return most

    def _judge_answers(self, holder: Holder) -> None:
        unread = self._unread[holder]
        del self._greedy[holder]
        unread.answers = min(unread.answers, unread.cost(holder.waiting_bytes))
        if unread.answers > ANSWERS_BYTES:
            self._cut(holder, "answers", "does not read its replies")

    def _judge_unread(self, holder: Holder, now: float) -> None:
        unread = self._unread[holder]
        waiting = holder.waiting_bytes
        if not waiting:
            self.drained(holder)
        elif unread.written - waiting < unread.mark:
            self._cut(holder, "unread", "does not read")
        else:
            # It has read all that waited so long ago. What waits now is younger.
            del self._unread[holder]
            cost = unread.cost(waiting)
            self._held += cost - unread.counted
            pieces = max(1, unread.pieces * waiting // max(1, unread.written))
            self._unread[holder] = Unread(now, waiting, waiting, pieces, min(unread.answers, cost), cost)

    def _cut(self, holder: Holder, why: str, reason: str) -> None:
        self.counters.buffers_cut_off[why] += 1
        self.forget(holder)
        holder.abort(reason)

    # The budget.

    def _count(self, entry: Unread | Unfinished, held: int) -> bool:
        """Whether all must be counted, now that ``entry`` is ``held`` bytes."""
        self._held += held - entry.counted
        entry.counted = held
        return self._budget > 0 and self._held > self._count_at

    def _count_later(self, entry: Unread | Unfinished, held: int) -> None:
        if self._count(entry, held) and not self._counting:
            # Not at once: this is called in the middle of a write.
            self._counting = True
            self._loop.call_soon(self.keep_budget)

    def _costs(self) -> Iterator[tuple[Holder, int]]:
        """What each connection keeps; one that keeps several kinds comes several times."""
        yield from self._kept.items()
        for holder, unread in self._unread.items():
            yield holder, unread.cost(holder.waiting_bytes)
        for holder, unfinished in self._unfinished.items():
            yield holder, unfinished.counted

    def keep_budget(self) -> None:
        """Cut off those that keep most, where all together keep too much."""
        self._counting = False
        costs: dict[Holder, int] = {}
        for holder, cost in self._costs():
            costs[holder] = costs.get(holder, 0) + cost
        held = before = sum(costs.values())
        count = 0
        if held > self._budget > 0:
            for holder in sorted(costs, key=costs.__getitem__, reverse=True):
                held -= costs[holder]
                count += 1
                self._cut(holder, "budget", "too much waited for all clients, and much of it for this one")
                if held <= self._budget * (1 - _FREED):
                    break
            self._warn(count, before - held)
        for holder, unread in self._unread.items():
            unread.counted = unread.cost(holder.waiting_bytes)
        self._held = held
        self._count_at = max(self._budget, held + int(self._budget * _COUNTED_AGAIN))

    def _warn(self, count: int, size: int) -> None:
        self._unsaid += count
        self._unsaid_bytes += size
        now = self._loop.time()
        if now < self._log_again:
            return
        self._log_again = now + _LOG_S
        logger.warning(
            "cut off %d clients that kept %d bytes waiting or unfinished: all together kept more than the %d of"
            " MAX_BUFFERED_BYTES (the next such line in %g s at the earliest)",
            *(self._unsaid, self._unsaid_bytes, self._budget, _LOG_S),
        )
        self._unsaid = self._unsaid_bytes = 0
