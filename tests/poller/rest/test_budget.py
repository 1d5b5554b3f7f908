"""The weight of requests, counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.rest.budget import WeightBudget


def test_full_pace_below_the_soft_limit() -> None:
    """Up to half of the limit no request is slowed down."""
    budget = WeightBudget(6000)
    budget.observe(3000, 0.0)
    assert 1.0 == budget.stretch(0.0)
    assert 0.0 == budget.delay_s(4, 0.0)


@pytest.mark.parametrize("limit", [1, 19, 22])
def test_a_limit_below_any_request_lets_one_a_minute_pass(limit: int) -> None:
    """A limit below any request lets one request a minute pass, so the exchange can correct it."""
    budget = WeightBudget(limit)
    for minute in range(3):
        now = 60.0 * minute
        assert 0.0 == budget.delay_s(20, now)
        budget.spend(20, now)
        assert 60.0 == budget.delay_s(20, now)
        assert 1.0 == budget.delay_s(2, now + 59.0)


def test_pace_slows_as_others_use_the_budget() -> None:
    """Between the soft and the hard limit requests are stretched more and more."""
    budget = WeightBudget(6000)
    budget.observe(4200, 0.0)
    assert pytest.approx(5.5) == budget.stretch(0.0)
    budget.observe(5400, 1.0)
    assert pytest.approx(10.0) == budget.stretch(1.0)


def test_waits_for_the_next_minute_above_the_hard_limit() -> None:
    """A request that would exceed the hard limit waits until the minute of the observation is surely over."""
    budget = WeightBudget(6000)
    budget.observe(100, 10.0)
    budget.observe(5398, 30.0)
    assert 0.0 == budget.delay_s(2, 30.0)
    assert 40.0 == budget.delay_s(4, 30.0)
    assert 0.0 == budget.delay_s(4, 70.0)


def test_smaller_observation_begins_a_new_minute() -> None:
    """When the exchange's count restarts, so does the time for which it is valid."""
    budget = WeightBudget(6000)
    budget.observe(3000, 0.0)
    budget.observe(20, 50.0)
    budget.observe(5400, 55.0)
    assert 55.0 == budget.delay_s(4, 55.0)


def test_unanswered_requests_count() -> None:
    """A sent request counts, even if no answer comes."""
    budget = WeightBudget(100)
    for _ in range(22):
        budget.spend(4, 0.0)
    assert 88 == budget.used
    assert 60.0 == budget.delay_s(4, 0.0)


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from([2, 4, 20, 40, 80])), max_size=300))
def test_alone_on_the_ip_the_limit_is_never_passed(requests: list[tuple[int, int]]) -> None:
    """For any requests at any times, the exchange's count per minute stays within its limit."""
    limit, now, minute, used = 300, 7.0, 0, 0
    budget = WeightBudget(limit)
    for pause, weight in requests:
        now += pause
        now += budget.delay_s(weight, now)
        budget.spend(weight, now)
        if int(now // 60) != minute:
            minute, used = int(now // 60), 0
        used += weight
        budget.observe(used, now)
        assert used <= limit
