"""When to connect again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgate_client.connection.backoff import Backoff


def test_pauses_grow_to_their_cap_and_begin_anew_after_a_steady_connection() -> None:
    """Each is random from nothing to its bound; a connection of a moment does not begin them anew."""
    backoff = Backoff(lambda: 1.0)
    assert [0.5, 1, 2, 4, 8, 16, 30, 30] == [backoff.pause_s(None, 0) for _ in range(8)]
    backoff.opened(0)
    assert 30 == backoff.pause_s(None, 9)
    backoff.opened(100)
    assert 0.5 == backoff.pause_s(None, 110)


def test_attempts_count_from_one_since_there_was_a_connection() -> None:
    """The very first is 0: it connects for the first time."""
    backoff = Backoff(lambda: 1.0)
    assert [0, 1, 2] == [backoff.dialled() for _ in range(3)]
    backoff.opened(0)
    assert [1, 2] == [backoff.dialled() for _ in range(2)]


def test_a_thousandth_try_is_like_the_tenth() -> None:
    """The bound does not overflow."""
    backoff = Backoff(lambda: 1.0)
    assert 30 == [backoff.pause_s(1011, 0) for _ in range(2000)][-1]


def test_the_gateway_says_when_to_come_back() -> None:
    """From its message on; an end that comes later than that is no reason to wait."""
    backoff = Backoff(lambda: 1.0)
    backoff.come_back(10)
    assert 3 == backoff.pause_s(1012, 7)
    backoff.come_back(10)
    assert 0 == backoff.pause_s(None, 11)
    assert 0.5 == backoff.pause_s(None, 11)


def test_a_gateway_that_goes_away_is_left_at_once_and_not_in_a_circle() -> None:
    """1012 means at once; a second one right behind it waits like any other end."""
    backoff = Backoff(lambda: 1.0)
    assert [0, 1, 2] == [backoff.pause_s(1012, 0) for _ in range(3)]


@pytest.mark.parametrize("code", [1002, 1007, 4429])
def test_what_asks_for_a_repair_is_tried_seldom(code: int) -> None:
    """It may be somebody else's to repair."""
    assert 15 == Backoff(lambda: 0.0).pause_s(code, 0)
    assert 30 == Backoff(lambda: 1.0).pause_s(code, 0)


@given(st.lists(st.sampled_from([None, 1006, 1011, 1012, 1013, 4408, 4409, 4429, 429, 503])), st.floats(0, 1))
def test_no_pause_is_longer_than_the_cap_and_what_the_gateway_asks_for(codes: list[int | None], jitter: float) -> None:
    """After whatever ends."""
    backoff = Backoff(lambda: jitter)
    assert all(2 <= backoff.pause_s(code, 0, at_least_s=2) <= 32 for code in codes)
