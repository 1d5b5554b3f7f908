"""Repeated errors in the log."""

import logging

from market.process.repeats import MINUTE_S, MOST_ERRORS, Repeats


def record(line: int, at: float, level: int = logging.ERROR) -> logging.LogRecord:
    """What a line of code logs at a time."""
    made = logging.LogRecord("a", level, "a.py", line, "message", (), None)
    made.created = at
    return made


def test_the_first_errors_of_a_cause_are_logged_and_the_others_counted() -> None:
    """Each cause has its own minute; the count is said when that is over, once."""
    repeats = Repeats()
    first = [repeats.may_log(record(1, 1000 + number)) for number in range(MOST_ERRORS + 3)]
    assert [True] * MOST_ERRORS + [False] * 3 == first
    assert repeats.may_log(record(2, 1030))
    assert [] == repeats.left_out(1000 + MINUTE_S - 0.1)
    [one] = repeats.left_out(1000 + MINUTE_S)
    assert (3, 1, 1000) == (one.count, one.first.lineno, one.first.created)
    assert [] == repeats.left_out(1000 + 3 * MINUTE_S)
    assert repeats.may_log(record(1, 1000 + MINUTE_S))


def test_less_than_an_error_is_not_bounded_here() -> None:
    """Warnings of what strangers do are bounded by who does it."""
    repeats = Repeats()
    assert all(repeats.may_log(record(1, 1000, logging.WARNING)) for _ in range(1000))
    assert [] == repeats.left_out(2000)


def test_a_clock_that_is_put_back_begins_a_new_minute() -> None:
    """Otherwise nothing would be logged until it is there again."""
    repeats = Repeats()
    for _ in range(MOST_ERRORS + 1):
        repeats.may_log(record(1, 1000))
    assert [1] == [its.count for its in repeats.left_out(500)]
    assert repeats.may_log(record(1, 500))
