"""What is kept for clients, on a virtual clock: for how long, how much of one, how much of all."""

import asyncio
import logging

import pytest

from gateway.metrics.counters import Counters
from gateway.websocket.buffering.bounds import Bounds
from gateway.websocket.buffering.buffers import ANSWERS_BYTES, ANSWERS_S, QUEUE_LIMIT_BYTES, SWEEP_S, Buffers
from gateway.websocket.buffering.entries import PIECE_BYTES
from tests.fakes import VirtualTimeLoop, run_virtual

UNREAD_S, MESSAGE_S = 10.0, 6.0
MIB = 1024 * 1024


class FakeHolder:
    """A connection of which as much waits as the test says."""

    def __init__(self, buffers: Buffers) -> None:
        self.waiting_bytes = 0
        self.waits_to_be_read = False
        self.end = ""
        self.buffers = buffers

    def abort(self, reason: str) -> None:
        self.end = reason

    def end_unfinished(self) -> None:
        self.end = "unfinished"

    def wait(self, size: int) -> "FakeHolder":
        """The kernel refuses ``size`` bytes."""
        self.waiting_bytes = size
        self.buffers.waits(self)
        return self

    def write(self, size: int, *, answer: bool = False) -> bool:
        """More behind it."""
        taken = self.buffers.take(self, size, answer=answer)
        self.waiting_bytes += size * taken
        return taken

    def keep(self, size: int) -> "FakeHolder":
        """A message of which ``size`` bytes have come."""
        self.buffers.read(self, None, bytearray(size))
        return self


def made(budget: int = 0) -> tuple[Buffers, Counters]:
    """Make buffers with the bounds of these tests, and their counters."""
    counters = Counters()
    return Buffers(counters, Bounds(UNREAD_S, MESSAGE_S, budget)), counters


def test_who_does_not_read_is_cut_off_when_the_time_is_over() -> None:
    """The time counts from the first byte that waits, whatever is written behind it."""

    async def main() -> None:
        buffers, counters = made()
        holder = FakeHolder(buffers).wait(1)
        for _ in range(9):
            await asyncio.sleep(1)
            assert holder.write(100)
        await asyncio.sleep(0.9)
        assert "" == holder.end
        await asyncio.sleep(0.1 + SWEEP_S)
        assert "does not read" == holder.end
        assert {"unread": 1} == counters.buffers_cut_off

    run_virtual(main())


def test_who_has_read_what_waited_has_its_time_again() -> None:
    """A client that has read everything before in time has its whole time again for the rest."""

    async def main() -> None:
        buffers, _ = made()
        slow, stalled = FakeHolder(buffers).wait(1000), FakeHolder(buffers).wait(1000)
        for _ in range(100):
            await asyncio.sleep(1)
            for holder in (slow, stalled):
                assert holder.end or holder.write(100)
            slow.waiting_bytes -= 150 if slow.waiting_bytes > 200 else 100
        assert slow.waiting_bytes > 0
        assert ("", "does not read") == (slow.end, stalled.end)

    run_virtual(main())


def test_who_reads_a_drop_now_and_then_is_cut_off_in_twice_the_time() -> None:
    """A client that reads less than what waited at first is cut off in twice the time."""

    async def main() -> None:
        buffers, _ = made()
        drip = FakeHolder(buffers).wait(1000)
        for _ in range(20):
            await asyncio.sleep(1)
            drip.waiting_bytes -= 10
        assert "does not read" == drip.end

    run_virtual(main())


def test_who_drains_in_time_is_forgotten() -> None:
    """A client that drains in time leaves no entry, and no timer runs without entries."""

    async def main() -> None:
        buffers, _ = made()
        told, untold = FakeHolder(buffers).wait(1000), FakeHolder(buffers).wait(1000)
        gone = FakeHolder(buffers).wait(1000).keep(1000)
        await asyncio.sleep(1)
        buffers.drained(told)
        untold.waiting_bytes = 0
        buffers.forget(gone)
        await asyncio.sleep(UNREAD_S + 2 * SWEEP_S)
        assert ["", "", ""] == [told.end, untold.end, gone.end]
        assert (0, 0, 0) == (len(buffers), buffers.held_bytes(), buffers._held)
        assert buffers._timer is None

    run_virtual(main())


def test_a_burst_of_answers_may_wait_for_a_moment() -> None:
    """Some 64 KB of answers may wait as long as other data, more for a second, 1 MB not at all."""

    async def main() -> None:
        buffers, counters = made()
        modest, fast, slow, greedy = (FakeHolder(buffers).wait(1) for _ in range(4))
        for holder, size in ((modest, ANSWERS_BYTES), (fast, ANSWERS_BYTES * 2), (slow, ANSWERS_BYTES * 2)):
            while holder.waiting_bytes + 200 < size - 40 * PIECE_BYTES:
                assert holder.write(2000, answer=True)
        while greedy.write(2000, answer=True):
            pass
        assert greedy.waiting_bytes < QUEUE_LIMIT_BYTES
        fast.waiting_bytes = 0
        buffers.drained(fast)
        await asyncio.sleep(ANSWERS_S + SWEEP_S * 1.1)
        assert ["", "", "does not read its replies"] == [modest.end, fast.end, slow.end]
        assert counters.buffers_cut_off["answers"] >= 2

    run_virtual(main())


def test_who_is_cut_off_is_counted_once() -> None:
    """A client is counted once, even if its time is over again before its socket has gone."""

    async def main() -> None:
        buffers, counters = made()
        holder = FakeHolder(buffers).wait(1)
        while holder.write(10_000, answer=True):
            pass
        await asyncio.sleep(UNREAD_S * 2)
        assert {"answers": 1} == counters.buffers_cut_off

    run_virtual(main())


async def test_one_large_answer_may_wait() -> None:
    """The answer to one message, such as a snapshot of all symbols, may be large."""
    buffers, _ = made()
    holder = FakeHolder(buffers).wait(1)
    assert holder.write(QUEUE_LIMIT_BYTES * 2, answer=True)
    assert not holder.write(1, answer=True)


async def test_small_answers_are_counted_with_what_they_cost() -> None:
    """A waiting pong of two bytes counts as a kilobyte, so a thousand are too many."""
    buffers, _ = made()
    holder = FakeHolder(buffers).wait(1)
    count = 0
    while holder.write(2, answer=True):
        count += 1
        assert buffers.held_bytes() > count * PIECE_BYTES
    assert count * PIECE_BYTES <= QUEUE_LIMIT_BYTES + PIECE_BYTES


async def test_what_nobody_asked_for_has_a_wider_bound() -> None:
    """Queued ticks and notices have a wider bound than answers."""
    buffers, counters = made()
    holder = FakeHolder(buffers).wait(1)
    while holder.write(100_000):
        pass
    assert QUEUE_LIMIT_BYTES < holder.waiting_bytes <= QUEUE_LIMIT_BYTES + 100_000
    assert {} == counters.buffers_cut_off


def test_a_message_must_be_whole_in_time() -> None:
    """A message must be complete in time, also if it comes byte by byte; the next one has its own time."""

    async def main() -> None:
        buffers, counters = made()
        dripping, fine = FakeHolder(buffers), FakeHolder(buffers)
        frame = bytearray(b"\x81")
        for second in range(10):
            if second < 6:
                frame += b"."
                buffers.read(dripping, frame, None)
            buffers.read(fine, bytearray(b"\x81"), None)
            assert "" == dripping.end or second > 5
            await asyncio.sleep(1)
        assert ("unfinished", "") == (dripping.end, fine.end)
        assert {"unfinished": 1} == counters.buffers_cut_off
        buffers.read(fine, None, None)
        assert 0 == len(buffers)

    run_virtual(main())


def test_all_together_are_bounded_and_the_greatest_go_first(caplog: pytest.LogCaptureFixture) -> None:
    """Beyond the budget the clients with most unread and unfinished bytes are cut off, with one log line for all."""

    async def main() -> None:
        buffers, counters = made(budget=10 * MIB)
        small = [FakeHolder(buffers).wait(1000) for _ in range(20)]
        large = [FakeHolder(buffers).keep(MIB // 4) for _ in range(30)]
        larger = [FakeHolder(buffers).wait(MIB // 2) for _ in range(30)]
        await asyncio.sleep(0)
        assert buffers.held_bytes() <= 10 * MIB
        assert {""} == {holder.end for holder in small + large}
        gone = sum(holder.end != "" for holder in larger)
        assert {"budget": gone} == counters.buffers_cut_off
        assert gone >= 25
        more = [FakeHolder(buffers).keep(MIB) for _ in range(100)]
        assert buffers.held_bytes() <= 10 * MIB
        assert buffers._held <= 10 * MIB
        assert any(holder.end for holder in more)
        assert {""} == {holder.end for holder in small}
        [record] = caplog.records
        assert logging.WARNING == record.levelno
        assert "MAX_BUFFERED_BYTES" in record.getMessage()
        await asyncio.sleep(UNREAD_S)

    run_virtual(main())


async def test_what_was_read_is_not_counted_any_more() -> None:
    """Data that were read do not count: the budget is for waiting bytes."""
    buffers, counters = made(budget=MIB)
    holder = FakeHolder(buffers).wait(1000)
    for _ in range(1000):
        assert holder.write(10_000)
        holder.waiting_bytes = 1000
        await asyncio.sleep(0)
    assert {} == counters.buffers_cut_off
    assert buffers.held_bytes() < MIB // 10


async def test_without_a_budget_nothing_is_bounded_together() -> None:
    """A budget of 0 is no limit; another one holds from the moment that it is set."""
    buffers, counters = made()
    holders = [FakeHolder(buffers).keep(MIB) for _ in range(20)]
    assert {} == counters.buffers_cut_off
    buffers.change(Bounds(UNREAD_S, MESSAGE_S, 10 * MIB))
    assert buffers.held_bytes() <= 10 * MIB
    assert counters.buffers_cut_off["budget"] == sum(holder.end != "" for holder in holders)


def test_other_times_hold_for_those_that_wait_already() -> None:
    """A changed time also holds for present entries."""

    async def main() -> None:
        buffers, _ = made()
        unread, unfinished = FakeHolder(buffers).wait(1), FakeHolder(buffers).keep(1)
        await asyncio.sleep(5)
        buffers.change(Bounds(3, 60, 0))
        await asyncio.sleep(2 * SWEEP_S)
        assert "does not read" == unread.end
        await asyncio.sleep(50)
        assert "" == unfinished.end
        await asyncio.sleep(10)
        assert "unfinished" == unfinished.end

    run_virtual(main())


def test_who_could_not_be_read_from_is_not_late() -> None:
    """Time in which our process stood still does not count."""

    async def main() -> None:
        buffers, _ = made()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        unread, unfinished = FakeHolder(buffers).wait(1), FakeHolder(buffers).keep(1)
        await asyncio.sleep(MESSAGE_S - 1)
        loop.jump(60)
        await asyncio.sleep(0.5)
        assert ("", "") == (unread.end, unfinished.end)
        await asyncio.sleep(1)
        assert "unfinished" == unfinished.end
        await asyncio.sleep(UNREAD_S - MESSAGE_S)
        assert "does not read" == unread.end

    run_virtual(main())


def test_a_fault_with_one_saves_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """A fault with one entry is logged, and the others are handled."""

    async def main() -> None:
        buffers, _ = made()
        faulty, other = FakeHolder(buffers).wait(1), FakeHolder(buffers).wait(1)
        faulty.abort = None  # type: ignore[assignment] # the fault
        await asyncio.sleep(UNREAD_S + 3 * SWEEP_S)
        assert "does not read" == other.end
        [record] = caplog.records
        assert record.exc_info is not None

    run_virtual(main())


def test_many_whose_time_is_over_go_a_few_at_a_time() -> None:
    """Many late entries are handled a few at a time, with other calls between."""

    async def main() -> None:
        buffers, _ = made()
        holders = [FakeHolder(buffers).wait(1) for _ in range(1000)]
        sizes: list[int] = []

        def look() -> None:
            sizes.append(sum(holder.end != "" for holder in holders))

        holders[0].abort = lambda _reason: loop.call_soon(look)  # type: ignore[method-assign,assignment] # a fake of its own
        loop = asyncio.get_running_loop()
        await asyncio.sleep(UNREAD_S + 2 * SWEEP_S)
        look()
        [first, last] = sizes
        assert first < 400
        assert 999 == last

    run_virtual(main())


def test_whose_end_waits_for_us_is_not_unfinished() -> None:
    """A message whose end waits for us is not late before we have read it."""

    async def main() -> None:
        buffers, counters = made()
        holder = FakeHolder(buffers).keep(1)
        holder.waits_to_be_read = True
        await asyncio.sleep(MESSAGE_S + 1)
        assert "" == holder.end
        holder.waits_to_be_read = False
        await asyncio.sleep(2 * SWEEP_S)
        assert "unfinished" == holder.end
        assert {"unfinished": 1} == counters.buffers_cut_off

    run_virtual(main())


async def test_windows_and_requests_count_for_the_budget_and_for_whom_it_cuts_off() -> None:
    """Windows and requests count for the budget with the client's other bytes, and have no time of their own."""
    buffers, counters = made(budget=100_000)
    patient, greedy, other = (FakeHolder(buffers) for _ in range(3))
    buffers.keeps(patient, 30_000)
    buffers.keeps(patient, 32_000)
    buffers.keeps(greedy, 32_000)
    assert 64_000 == buffers.held_bytes()
    greedy.keep(30_000)
    assert ("", 94_000, 2) == (greedy.end, buffers.held_bytes(), len(buffers))
    buffers.keeps(other, 10_000)
    assert ("", "") == (patient.end, other.end)
    assert "too much" in greedy.end
    assert ({"budget": 1}, 42_000) == (counters.buffers_cut_off, buffers.held_bytes())
    buffers.keeps(other, 0)
    buffers.forget(patient)
    assert (0, 0) == (buffers.held_bytes(), len(buffers))
