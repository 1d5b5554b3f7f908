"""How much of what clients send is worked on in one turn of the event loop; the rest waits for later turns.

In one turn the loop reports all readable sockets. Only then does it make deferred calls, such as flushes of ticks. So
hundreds of clients that all send at once would delay everybody's prices for as long as all their messages take.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

from gateway.log_events import READ_FAILED

TURN_S: Final = 0.003
"""Work on what clients send, in one turn. A started message is finished: a turn takes longer by one message at most."""

QUANTUM_S: Final = 0.0005
"""So much of it for one waiting connection, before the next one is served."""

_NOTED_S: Final = 0.0005
"""After less work than this, nobody notes the end of the turn."""

logger = logging.getLogger(__name__)


class Waiter(Protocol):
    """A connection with messages that wait."""

    def resume(self) -> None:
        """Work on them until `ReadScheduler.is_over`, and wait again with the rest."""


class ReadScheduler:
    """Shares the time of a turn fairly between addresses. A read while time is left costs two looks at a clock.

    A waiting connection keeps what it has read, and reads nothing more.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        """``timer`` measures work, in seconds; the loop's own clock may stand still within a turn."""
        self._timer = timer
        self._loop = asyncio.get_running_loop()
        self._worked_s = 0.0
        """The work of this turn, and perhaps up to `_NOTED_S` of the one before."""
        self._most_s = TURN_S
        self._began = 0.0
        self._ends = False
        """Whether the end of this turn will be noted."""
        self._queues: dict[object, dict[Waiter, None]] = {}
        """By address: its waiting connections. The next one is first, and so is the next address."""
        self._payers: dict[Waiter, object] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._payers)

    def __contains__(self, waiter: object) -> bool:
        """Whether ``waiter`` waits."""
        return waiter in self._payers

    def begin(self) -> bool:
        """Begin to work on what a client has sent, if time is left; then call `end`. If not, call `wait`.

        No time is left while anybody waits, so nobody overtakes.
        """
        if self._worked_s >= TURN_S:
            return False
        self._began = self._timer()
        return True

    def is_over(self) -> bool:
        """Whether the present work must stop, and `wait` with the rest."""
        return self._worked_s + self._timer() - self._began >= self._most_s

    def end(self) -> None:
        """The work is done, or stopped."""
        now = self._timer()
        worked_s = self._worked_s = self._worked_s + now - self._began
        self._began = now
        if worked_s > _NOTED_S and not self._ends:
            self._note_end()

    def wait(self, waiter: Waiter, payer: str | None) -> None:
        """Resume ``waiter`` in a later turn.

        It shares that time with others of the address ``payer``; None: with nobody.
        """
        if waiter not in self._payers:
            key = self._payers[waiter] = waiter if payer is None else payer
            self._queues.setdefault(key, {})[waiter] = None
            self._note_end()

    def forget(self, waiter: Waiter) -> None:
        """Forget ``waiter``, whether or not it waits."""
        if self._payers:
            payer = self._payers.pop(waiter, None)
            if payer is not None:
                queue = self._queues[payer]
                del queue[waiter]
                if not queue:
                    del self._queues[payer]

    def _note_end(self) -> None:
        if not self._ends:
            self._ends = True
            # Runs behind all reads of this turn, and among other deferred calls.
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._ends = False
        self._worked_s = 0.0
        while self._queues and self._worked_s < TURN_S:
            self._serve_next()
        self._most_s = TURN_S
        if self._queues or self._worked_s > _NOTED_S:
            self._note_end()

    def _serve_next(self) -> None:
        # One connection of each address, then the next of each.
        payer = next(iter(self._queues))
        queue = self._queues.pop(payer)
        waiter = next(iter(queue))
        del queue[waiter], self._payers[waiter]
        if queue:
            self._queues[payer] = queue
        self._most_s = min(self._worked_s + QUANTUM_S, TURN_S)
        self._began = self._timer()
        try:
            waiter.resume()
        except Exception:
            # An error of one must not leave the others waiting for ever.
            logger.exception(READ_FAILED)
        self.end()
