"""The way of slow clients: out of their cohort, slice by slice to the newest prices, and back.

A cohort lets go who does not drain or read in time. What it misses is reckoned by `gateway.fanout.arrears`, how much of
it may be sent at once by `gateway.fanout.window`, and when to look again is for `gateway.fanout.slow_consumers`.
"""

import asyncio
import itertools
from collections.abc import Callable

from gateway.fanout.arrears import Arrears
from gateway.fanout.cohort import Cohort
from gateway.fanout.member import Member, Missed
from gateway.fanout.slow_consumers import Laggards
from gateway.fanout.window import Reader, Sent, Window
from gateway.metrics import Counters
from gateway.protocol.encoding import Encoding
from gateway.protocol.messages import Lag


class CatchingUp:
    """All slow clients of a gateway."""

    def __init__(
        self,
        arrears: Arrears,
        join: Callable[[Member, Cohort], None],
        newest_stamp: Callable[[], int],
        counters: Counters,
        *,
        lag_timeout_s: float,
    ) -> None:
        """``join`` takes one back into its cohort; ``newest_stamp`` is that of the newest tick there is."""
        self._arrears = arrears
        self._join = join
        self._newest_stamp = newest_stamp
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._cohort_of: dict[Member, Cohort] = {}
        self._laggards = Laggards(lag_timeout_s, self._catch_up)
        self.limit, self.wake = self._laggards.limit, self._laggards.wake
        self.backlog_of = self._laggards.get
        self.next_number = itertools.count(1).__next__
        """Of pings; they grow."""
        self.unanswered: dict[Reader, Sent] = {}
        """Who is still to answer a ping that a cohort before was sent."""

    def __len__(self) -> int:
        return len(self._laggards)

    def __contains__(self, connection: object) -> bool:
        return connection in self._laggards

    def add(self, cohort: Cohort, connection: Member, missed: Missed) -> None:
        """``cohort`` has let ``connection`` go, and counts it among its laggards."""
        # Who only begins with much has not read too slowly.
        self._counters.lags += not missed.begins
        window = Window(sent=self.unanswered.pop(connection, None))
        if missed.begins:
            window.begin()
        self._cohort_of[connection] = cohort
        self._laggards.add(connection, self._arrears.begin(missed, cohort.wishes.symbols, window, self._loop.time()))

    def forget(self, connection: Member) -> bool:
        """``connection`` is slow no more, or gone; whether it was."""
        if self._laggards.pop(connection) is None:
            return False
        self._cohort_of.pop(connection).laggards -= 1
        return True

    def move(self, connection: Member, new: Cohort) -> None:
        """``connection``, which is slow, is to come back to another cohort."""
        backlog, old = self._laggards.get(connection), self._cohort_of[connection]
        assert backlog is not None
        old.laggards -= 1
        new.laggards += 1
        self._cohort_of[connection] = new
        self._arrears.move(backlog, old.wishes, new.wishes, self._newest_stamp())
        if not new.wishes.conflate:
            # Every tick from now on: how much may wait is the connection's to say, not how long.
            self._catch_up(connection)

    def begin(self, connection: Member) -> None:
        """Where ``connection`` was to be sent too much at once, send the first slice."""
        if connection in self._laggards and connection.drained:
            self._catch_up(connection)

    def answered(self, connection: Member, cohort: Cohort | None, number: int) -> bool:
        """``connection``, of ``cohort``, has read everything up to a ping, slow or not.

        False if it was sent none of that number, or has answered it.
        """
        backlog, now = self._laggards.get(connection), self._loop.time()
        if backlog is None:
            carried = self.unanswered.get(connection)
            if carried is not None and carried.last == number:
                # It may hold nothing any more.
                del self.unanswered[connection]
                return True
            return cohort is not None and cohort.answered(connection, number, now)
        if not backlog.window.answer(connection, number, now):
            return False
        backlog.since = now
        if connection.drained and not backlog.waits(connection, now):
            self._catch_up(connection)
        return True

    def read_up_to(self, connection: Member, cohort: Cohort | None, number: int) -> None:
        """``connection``, of ``cohort``, has read everything up to the heartbeat's ping of that number."""
        carried = self.unanswered.get(connection)
        if carried is not None and carried.last <= number:
            del self.unanswered[connection]
        backlog = self._laggards.get(connection)
        if backlog is not None:
            sent = backlog.window.sent
            if sent is not None and sent.last <= number:
                self.answered(connection, cohort, sent.last)
        elif cohort is not None:
            cohort.read_up_to(connection, number)

    def _catch_up(self, connection: Member) -> None:
        """Send what ``connection`` has missed: all of it, and have it back, or as much as it may be sent at once."""
        backlog, cohort = self._laggards.get(connection), self._cohort_of[connection]
        assert backlog is not None
        wishes, window, now, stamp = cohort.wishes, backlog.window, self._loop.time(), self._newest_stamp()
        quick = backlog.reads_quickly(wishes.max_hz)
        is_beat = backlog.look(wishes.max_hz, stamp, now)
        owed = self._arrears.owed(backlog, wishes)
        is_back = not wishes.conflate or not owed.order
        is_back = is_back or (is_beat and (quick or window.takes(connection, owed.size)))
        slice_ = self._arrears.take(backlog, owed, wishes.symbols, stamp, whole=is_back)
        if slice_.is_all_that_was_due:
            backlog.rest(now)
        blob = self._lag_notice(slice_.conflated, connection.encoding)
        blob += cohort.slice_blob(slice_.ticks, slice_.snapshots, slice_.states)
        if is_back:
            self.forget(connection)
            self._join(connection, cohort)
        elif blob:
            backlog.since = now
            blob = window.wrap(blob, self.next_number, now)
        if blob and wishes.conflate:
            connection.send(blob)
        elif blob:
            connection.enqueue(blob)

    def _lag_notice(self, conflated: int, encoding: Encoding) -> bytes:
        """What says that so many ticks were replaced by newer ones; nothing where none was."""
        if conflated <= 0:
            return b""
        self._counters.ticks_conflated += conflated
        return encoding.message_frame(Lag(conflated=conflated))
