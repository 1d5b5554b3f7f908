"""Heads that are not whole yet, on a virtual clock."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.admission.pending_handshakes import PendingHandshakes
from gateway.metrics.counters import Counters
from tests.fakes import run_virtual

TIMEOUT_S = 5.0


class Guest:
    """Somebody who sends a head; it leaves when it is cut off, as connections do."""

    def __init__(self, pending: PendingHandshakes) -> None:
        self.aborted = False
        self._pending = pending
        pending.enter(self)

    def abort(self) -> None:
        self.aborted = True
        self._pending.leave(self)


def virtually(main: Callable[[Counters], Coroutine[Any, Any, None]]) -> None:
    """Run a test on the virtual clock."""
    run_virtual(main(Counters()))


def test_who_is_slow_is_cut_off() -> None:
    """A slow connection is cut off exactly in time; one that finished is not, and a new begin has the whole time."""

    async def main(counters: Counters) -> None:
        pending = PendingHandshakes(counters, timeout_s=TIMEOUT_S, most=0)
        slow, quick = Guest(pending), Guest(pending)
        pending.leave(quick)
        await asyncio.sleep(TIMEOUT_S / 2)
        later = Guest(pending)
        pending.enter(quick)
        await asyncio.sleep(TIMEOUT_S / 2 - 0.001)
        assert not slow.aborted
        await asyncio.sleep(0.002)
        assert (True, False, False) == (slow.aborted, later.aborted, quick.aborted)
        await asyncio.sleep(TIMEOUT_S / 2)
        assert (True, True) == (later.aborted, quick.aborted)
        assert (3, 0) == (counters.handshakes_cut_off, len(pending))

    virtually(main)


def test_the_clock_starts_anew_after_everybody_has_gone() -> None:
    """A connection that comes after all others have gone has exactly the whole time."""

    async def main(counters: Counters) -> None:
        pending = PendingHandshakes(counters, timeout_s=TIMEOUT_S, most=0)
        pending.leave(Guest(pending))
        await asyncio.sleep(3 * TIMEOUT_S)
        late = Guest(pending)
        await asyncio.sleep(TIMEOUT_S - 0.001)
        assert not late.aborted
        await asyncio.sleep(0.002)
        assert late.aborted

    virtually(main)


def test_of_too_many_the_oldest_goes() -> None:
    """Of too many the oldest is cut off, so newcomers always get in."""

    async def main(counters: Counters) -> None:
        pending = PendingHandshakes(counters, timeout_s=TIMEOUT_S, most=3)
        guests = [Guest(pending) for _ in range(5)]
        assert [True, True, False, False, False] == [guest.aborted for guest in guests]
        pending.leave(guests[3])
        guests += [Guest(pending), Guest(pending)]
        assert [True, False, False, False, False] == [guest.aborted for guest in guests[2:]]
        assert (3, 3) == (counters.handshakes_cut_off, len(pending))
        pending.close()
        assert ([False, True, True, True], 0) == ([guest.aborted for guest in guests[3:]], len(pending))

    virtually(main)


def test_a_shorter_time_holds_for_those_who_wait_already() -> None:
    """A shortened time also holds for those that wait already."""

    async def main(counters: Counters) -> None:
        pending = PendingHandshakes(counters, timeout_s=TIMEOUT_S, most=0)
        early = Guest(pending)
        await asyncio.sleep(TIMEOUT_S / 4)
        pending.change(timeout_s=TIMEOUT_S / 4, most=0)
        late = Guest(pending)
        await asyncio.sleep(TIMEOUT_S / 4 + 0.01)
        assert early.aborted
        assert late.aborted
        pending.change(timeout_s=TIMEOUT_S, most=0)
        patient = Guest(pending)
        await asyncio.sleep(TIMEOUT_S / 2)
        assert not patient.aborted

    virtually(main)


def test_a_lower_number_cuts_off_the_oldest_at_once() -> None:
    """A lowered number cuts off the oldest at once."""

    async def main(counters: Counters) -> None:
        pending = PendingHandshakes(counters, timeout_s=TIMEOUT_S, most=0)
        guests = [Guest(pending) for _ in range(4)]
        pending.change(timeout_s=TIMEOUT_S, most=2)
        assert [True, True, False, False] == [guest.aborted for guest in guests]
        Guest(pending)
        assert [True, True, True, False] == [guest.aborted for guest in guests]
        assert 3 == counters.handshakes_cut_off

    virtually(main)
