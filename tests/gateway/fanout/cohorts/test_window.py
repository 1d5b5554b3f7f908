"""Late answers, and the size of a slow client's slices."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.cohorts.window import (
    BURST_MARK_BYTES,
    FIRST_SLICE_BYTES,
    LARGEST_BYTES_PER_S,
    LARGEST_FIRST_BYTES,
    LARGEST_SLICE_BYTES,
    LEAST_MARK_BYTES,
    LEAST_SLICE_BYTES,
    LONGEST_RTT_S,
    MARK_BYTES,
    MARK_S,
    PATIENCE_S,
    ROUND_TRIPS,
    UNANSWERED_S,
    Marks,
    Reader,
    UnansweredPing,
    Window,
)
from gateway.websocket.numbered_pings import ping


class FakeReader:
    """A client with a given round trip."""

    def __init__(self, rtt_s: float = 0.001) -> None:
        self.rtt_s = rtt_s


def new_marks(unanswered: dict[Reader, UnansweredPing] | None = None) -> Marks:
    """Marks of which the first was sent at 0 s."""
    marks = Marks(itertools.count(1).__next__, {} if unanswered is None else unanswered, 0.0)
    assert ping(1) == marks.step(1, 0.0)
    return marks


def test_a_mark_comes_behind_so_many_bytes() -> None:
    """A mark goes with the first step, and then behind `MARK_BYTES`, or behind less after a long time."""
    marks = new_marks()
    assert b"" == marks.step(MARK_BYTES - 1, 1.0)
    assert ping(2) == marks.step(1, 1.0)
    assert b"" == marks.step(LEAST_MARK_BYTES - 1, 1.0 + MARK_S)
    assert ping(3) == marks.step(1, 1.0 + MARK_S)
    assert 3 == marks.newest


def test_in_a_burst_there_are_more_marks() -> None:
    """A burst has more marks, so that unread data are noticed earlier."""
    marks = new_marks()
    assert b"" == marks.step(BURST_MARK_BYTES - 1, 1.0, BURST_MARK_BYTES)
    assert ping(2) == marks.step(1, 1.0, BURST_MARK_BYTES)


def test_who_does_not_answer_in_time_is_late() -> None:
    """An answer is in time within a moment and some of the client's round trips."""
    near, far = FakeReader(0.001), FakeReader(0.2)
    marks = new_marks()
    answered = {near: 0, far: 0}
    assert [] == marks.late(answered, PATIENCE_S)
    assert [near] == marks.late(answered, PATIENCE_S + 0.2)
    assert [near, far] == marks.late(answered, PATIENCE_S + ROUND_TRIPS * 0.2 + 0.01)
    assert marks.answer(far, 1, 0, 0.5)
    assert [near] == marks.late({near: 0, far: 1}, 10.0)


def test_who_has_answered_a_later_one_only_is_not_late() -> None:
    """Several pings may be answered by one pong (RFC 6455, section 5.5.3)."""
    reader = FakeReader()
    marks = new_marks()
    marks.step(MARK_BYTES, 0.1)
    assert marks.answer(reader, 2, 0, 0.1)
    assert [] == marks.late({reader: 2}, 10.0)
    assert not marks.answer(reader, 1, 2, 0.2)


def test_the_oldest_mark_that_is_not_answered_counts() -> None:
    """The oldest unanswered mark counts, even after very many newer ones."""
    reader = FakeReader()
    marks = new_marks()
    for turn in range(1, 100):
        marks.step(MARK_BYTES, turn * PATIENCE_S / 100)
    assert [reader] == marks.late({reader: 0}, PATIENCE_S + 0.01)


def test_who_has_never_answered_is_not_judged() -> None:
    """A client that has never answered is not late: it may answer no pings."""
    reader = FakeReader(math.inf)
    marks = new_marks()
    assert [] == marks.late({reader: 0}, 100.0)
    assert marks.answer(reader, 1, 0, 0.05)
    assert pytest.approx(0.05) == reader.rtt_s
    marks.step(MARK_BYTES, 1.0)
    assert [reader] == marks.late({reader: 1}, 2.0)


def test_only_what_was_asked_can_be_answered() -> None:
    """Numbers that were not sent, or were answered already, answer nothing."""
    reader = FakeReader()
    marks = new_marks()
    assert [False, True, False] == [
        marks.answer(reader, 2, 0, 0.1),
        marks.answer(reader, 1, 0, 0.1),
        marks.answer(reader, 1, 1, 0.1),
    ]


def test_what_is_unanswered_goes_along_to_the_next_cohort() -> None:
    """An unanswered mark is taken along to the next cohort."""
    reader = FakeReader()
    unanswered: dict[Reader, UnansweredPing] = {}
    here, there = new_marks(unanswered), new_marks(unanswered)
    here.leave(reader, 0, 1)
    assert [] == there.late({reader: 1}, PATIENCE_S)
    assert [reader] == there.late({reader: 1}, PATIENCE_S + 0.01)
    assert there.answer(reader, 1, 1, 0.1)
    assert ([], {}) == (there.late({reader: 1}, 10.0), unanswered)


def answer_all(window: Window, reader: Reader, at: float, took_s: float) -> None:
    """The ping before the slice at ``at``, the one behind it when the slice has been read."""
    sent = window.sent
    assert sent is not None
    assert window.answer(reader, sent.first, at)
    assert window.answer(reader, sent.last, at + took_s)


@given(st.integers(2_000, 200_000), st.floats(0.0, 2.0), st.floats(0.05, 1.0))
def test_slices_are_what_is_read_in_a_moment(bytes_per_s: int, rtt_s: float, started: float) -> None:
    """At any round trip each slice takes about `SLICE_S` to read, after the first few, within the bounds."""
    window, reader, now, numbers = Window(), FakeReader(rtt_s), started, itertools.count(1)
    for _ in range(8):
        size = window.size
        window.wrap(bytes(size), numbers.__next__, now)
        answer_all(window, reader, now + rtt_s, size / bytes_per_s)
        now += rtt_s + size / bytes_per_s
    assert window.sent is None
    largest = max(LARGEST_SLICE_BYTES, min(rtt_s, LONGEST_RTT_S) * LARGEST_BYTES_PER_S)
    due = min(max(0.4 * bytes_per_s, LEAST_SLICE_BYTES), largest)
    assert window.prompt or 0.9 * due <= window.size <= 1.1 * due


def test_who_reads_a_slice_at_once_may_have_all_the_rest() -> None:
    """A client that reads a slice at once gets the rest, within a window that doubles each time."""
    window, reader = Window(), FakeReader()
    assert not window.takes(reader, 1)
    window.wrap(bytes(FIRST_SLICE_BYTES), itertools.count(1).__next__, 0.0)
    assert window.waits(reader, 1000.0)
    answer_all(window, reader, 0.1, 0.001)
    assert not window.waits(reader, 0.2)
    assert (True, False) == (
        window.takes(reader, 2 * FIRST_SLICE_BYTES),
        window.takes(reader, 2 * FIRST_SLICE_BYTES + 1),
    )


def test_who_answers_no_pings_is_not_waited_for() -> None:
    """A client that answers no pings gets everything at once, after a try with pings if the first data are many."""
    window, reader = Window(), FakeReader(math.inf)
    assert window.takes(reader, 10**9)
    window.begin()
    assert (False, LARGEST_FIRST_BYTES) == (window.takes(reader, 10**9), window.size)
    window.wrap(bytes(100), itertools.count(1).__next__, 0.0)
    assert [True, False] == [window.waits(reader, at) for at in (UNANSWERED_S - 0.1, UNANSWERED_S)]
    assert window.takes(reader, 10**9)


def test_a_few_bytes_read_at_once_say_nothing_of_many() -> None:
    """The next slice is no larger than the last that was full."""
    window, reader, numbers = Window(), FakeReader(), itertools.count(1)
    for turn in range(10):
        window.wrap(bytes(200), numbers.__next__, float(turn))
        answer_all(window, reader, turn + 0.1, 0.001)
    assert (FIRST_SLICE_BYTES, True) == (window.size, window.takes(reader, FIRST_SLICE_BYTES))


def test_who_answers_only_the_last_of_several_pings_reads_no_slower() -> None:
    """The round trip does not count as reading: slices of a distant client do not shrink."""
    window, reader, numbers = Window(), FakeReader(0.3), itertools.count(1)
    for turn in range(5):
        window.wrap(bytes(window.size), numbers.__next__, float(turn))
        assert window.sent is not None
        assert window.answer(reader, window.sent.last, turn + 0.32)
    assert window.size >= FIRST_SLICE_BYTES * 2
