"""What the process keeps for clients: what they do not read or finish, and the windows of those that compress.

Nothing of that may last, whatever the client is doing: with or without symbols, before a token, or while it is closed.
Only a connection that keeps something costs anything here. A sweep looks only at those whose time is over.
"""

import asyncio
import logging
import math
from collections.abc import Iterator
from typing import Final

from gateway.metrics.counters import Counters
from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.entries import PIECE_BYTES, Holder, Unfinished, Unread, overdue

QUEUE_LIMIT_BYTES: Final = 1024 * 1024
"""What may wait for one client: every tick if it asked for that, notices, and the answers to a burst."""

ANSWERS_BYTES: Final = 64 * 1024
"""More bytes than this of answers to its own messages may wait for `ANSWERS_S` only."""

ANSWERS_S: Final = 1.0
"""A client reads within this what it asked for in one burst."""

SWEEP_S: Final = 0.25

_AT_ONCE: Final = 200
"""Ending connections is work too: many at once would delay everybody."""

_FREED: Final = 1 / 8
"""After the largest holders are cut off, so much of the budget is free. So this is not done for every byte."""
_COUNTED_AGAIN: Final = 1 / 64
"""The budget may be exceeded by so much before all is counted again."""
_LOG_S: Final = 10.0
"""Between two log lines about the budget."""

logger = logging.getLogger(__name__)


class Buffers:
    """All connections of a gateway that keep anything in memory."""

    def __init__(self, counters: Counters, bounds: Bounds) -> None:
        self.counters = counters
        self._loop = asyncio.get_running_loop()
        # In the order of `since`, so that only the first entries need a look.
        self._unread: dict[Holder, Unread] = {}
        self._greedy: dict[Holder, float] = {}
        """Connections with more than `ANSWERS_BYTES` of answers, and since when."""
        self._unfinished: dict[Holder, Unfinished] = {}
        self._kept: dict[Holder, int] = {}
        """Bytes without a deadline of their own here: of windows, and of unfinished requests."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        """When the timer runs."""
        self._frozen_s = 0.0
        """Time in which the process stood still and something was kept: nothing could be written or read."""
        self._held = 0
        """An upper bound of the kept bytes: it still has those that were read since the last count."""
        self._counting = False
        """Whether a count is scheduled."""
        self._log_again = 0.0
        self._unsaid = self._unsaid_bytes = 0
        self.change(bounds)

    def change(self, bounds: Bounds) -> None:
        """Apply other ``bounds`` from now on, also to what is kept already."""
        self._bounds = bounds
        self._budget = self._count_at = bounds.budget
        self.keep_budget()

    @property
    def unread_s(self) -> float:
        """How long data may wait to be read."""
        return self._bounds.unread_s

    def __len__(self) -> int:
        """The number of connections that keep something."""
        return len(self._unread.keys() | self._unfinished.keys() | self._kept.keys())

    def held_bytes(self) -> int:
        """The bytes that all of them keep, counted now."""
        return sum(cost for _, cost in self._costs())

    # Called by connections.

    def waits(self, holder: Holder) -> None:
        """The kernel has refused data of ``holder``, which now waits."""
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
        """Whether ``size`` more bytes may wait for ``holder``. ``answer``: they answer a message of its own."""
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
        """After a read of ``holder``: the unfinished frame, and the finished frames of an unfinished message.

        The same object means the same frame, or the same message.
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
            # At once: all of them may read in one turn of the event loop.
            self.keep_budget()

    def keeps(self, holder: Holder, size: int) -> None:
        """``size`` bytes of what ``holder`` has sent are kept beside an unfinished message."""
        self._held += size - self._kept.pop(holder, 0)
        if size:
            self._kept[holder] = size
        if self._held > self._count_at > 0:
            self.keep_budget()

    def forget(self, holder: Holder) -> None:
        """``holder`` is gone."""
        if self._unread or self._kept or self._unfinished:
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
        """Cut off connections whose time is over."""
        self._timer = None
        late_s = self._loop.time() - self._due
        if late_s > SWEEP_S:
            self._frozen_s += late_s
        left = 0
        try:
            left = self._end_overdue(_AT_ONCE)
        finally:
            # Our own error with one connection must not end the sweeps for all.
            if self._unread or self._unfinished:
                self._watch(SWEEP_S if left else 0)

    def _end_overdue(self, most: int) -> int:
        """Handle at ``most`` so many whose time is over, and return how many more could have been."""
        now = self._now()
        for holder in overdue(self._greedy, now - ANSWERS_S, most):
            most -= 1
            self._judge_answers(holder)
        for holder in overdue(self._unread, now - self.unread_s, most):
            most -= 1
            self._judge_unread(holder, now)
        for holder in overdue(self._unfinished, now - self._bounds.message_s, most):
            most -= 1
            if not holder.waits_to_be_read:
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
            # It has read everything that waited so long ago. What waits now is newer.
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
        """Note that ``entry`` keeps ``held`` bytes. Return whether all must be counted."""
        self._held += held - entry.counted
        entry.counted = held
        return self._budget > 0 and self._held > self._count_at

    def _count_later(self, entry: Unread | Unfinished, held: int) -> None:
        if self._count(entry, held) and not self._counting:
            # Not at once: this is called in the middle of a write.
            self._counting = True
            self._loop.call_soon(self.keep_budget)

    def _costs(self) -> Iterator[tuple[Holder, int]]:
        """The bytes that each connection keeps; a connection that keeps several kinds comes several times."""
        yield from self._kept.items()
        for holder, unread in self._unread.items():
            yield holder, unread.cost(holder.waiting_bytes)
        for holder, unfinished in self._unfinished.items():
            yield holder, unfinished.counted

    def keep_budget(self) -> None:
        """Cut off those that keep most if all together keep too much."""
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
