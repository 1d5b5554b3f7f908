"""The gateway's time."""

from hypothesis import given
from hypothesis import strategies as st

from tickgate_client.connection.clock import GatewayClock


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=40),
)
def test_the_estimate_is_wrong_by_half_of_the_best_round_trip_at_most(
    ahead_us: int, ways: list[tuple[float, float]]
) -> None:
    """Whatever each of the two ways takes."""
    clock, now = GatewayClock(lambda: 90_000_000), 1000.0
    for there_s, back_s in ways:
        server_us = round((now + there_s) * 1e6) + ahead_us
        clock.answered(now, now + there_s + back_s, server_us)
        now += there_s + back_s + 1
    estimate = clock.now_us(now)
    assert estimate is not None
    assert clock.error_us is not None
    assert abs(estimate - (now * 1e6 + ahead_us)) <= clock.error_us + 2


def test_nothing_is_known_of_a_gateway_that_does_not_tell_its_time() -> None:
    """Gateways of before do not; then this machine's clock is as good as any."""
    clock = GatewayClock(lambda: 90_000_000)
    assert (None, None) == (clock.now_us(5), clock.error_us)
    assert 2 == clock.age_s(88_000_000, 5)


def test_the_last_estimate_stands_until_another_gateway_has_told_its_time() -> None:
    """A new connection has an age for its first price, and better ones soon, even if its way is longer."""
    clock = GatewayClock(lambda: 90_000_000)
    clock.answered(10, 10.2, 500_000)
    before = clock.now_us(11)
    clock.forget()
    assert before == clock.now_us(11)
    clock.answered(12, 13, 90_000_000)
    assert 90_500_000 == clock.now_us(13)
