"""Rates and counts, on clocks that are numbers."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.limits.buckets import Bucket, KeyedBuckets, Rate, Tally, Verdict

PAUSES = st.lists(st.one_of(st.just(0.0), st.floats(0, 0.2), st.floats(0, 30)), max_size=200)
STARTS = st.sampled_from([0.0, 1.5, 1e4, 1e7])


def test_a_burst_comes_through_at_once_and_then_one_per_interval() -> None:
    """At 10 a second and a burst of 5, five pass, the sixth does not, and a tenth of a second later one does."""
    bucket = Bucket(Rate(10, 5, debt=1))
    assert ["ok"] * 5 == [bucket.take(100.0) for _ in range(5)]
    assert "refuse" == bucket.take(100.0)
    # One for the refused, one for this.
    assert "ok" == bucket.take(100.2)
    assert "refuse" == bucket.take(100.2)


def test_a_bit_over_is_refused_and_a_flood_is_closed() -> None:
    """Beyond the burst the allowed debt is refused; the next one is a flood."""
    bucket = Bucket(Rate(10, 3, debt=3))
    expected: list[Verdict] = ["ok", "ok", "ok", "refuse", "refuse", "refuse", "close", "close", "close"]
    assert expected == [bucket.take(7.0) for _ in range(9)]


def test_without_debt_nothing_is_refused_and_what_is_closed_costs_nothing() -> None:
    """Without debt one per interval passes during any flood, so nobody behind the same address is locked out."""
    bucket = Bucket(Rate(1, 1))
    assert 10 == sum(bucket.take(step / 100) == "ok" for step in range(1000))


def test_who_keeps_quiet_is_out_of_debt_after_as_long_as_burst_and_debt_take_to_come_back() -> None:
    """A flood of any length is forgiven after a fixed time."""
    bucket = Bucket(Rate(10, 5, debt=5))
    assert "close" == [bucket.take(0.0) for _ in range(100_000)][-1]
    assert ["ok"] * 5 == [bucket.take(1.0) for _ in range(5)]


def test_who_keeps_exactly_to_the_rate_is_never_refused() -> None:
    """A client at exactly the rate is never refused, even after its burst and with float errors."""
    bucket = Bucket(Rate(50, 20, debt=20))
    start = 1e6 + 0.1
    for _ in range(20):
        bucket.take(start)
    assert ["ok"] * 5000 == [bucket.take(start + step * 0.02) for step in range(1, 5001)]


def test_what_costs_more_than_is_there_is_owed_and_paid_before_anything_else() -> None:
    """A client that owes more than a burst is refused until it is paid; if it pauses, it waits no longer."""
    bucket, keyed = Bucket(Rate(10, 5, debt=5)), KeyedBuckets(Rate(10, 5, debt=5))
    bucket.charge(3, 0.0)
    assert ["ok", "ok", "refuse"] == [bucket.take(0.0) for _ in range(3)]
    bucket = Bucket(Rate(10, 5, debt=5))
    for now in (0.0, 10.0):
        bucket.charge(25, now)
        keyed.charge("a", 25, now)
        assert "refuse" == bucket.take(now + 1.9)
        assert "close" == keyed.take("a", now + 1.5)
        # One more for the one that was refused.
        assert "ok" == bucket.take(now + 2.25)
        assert "ok" == keyed.take("a", now + 2.15)


def test_cheap_work_after_dear_work_is_not_free() -> None:
    """In any sequence, no more is spent than the rate gives, one burst and one piece of work."""
    bucket, keyed = Bucket(Rate(100, 200, debt=100)), KeyedBuckets(Rate(100, 200, debt=100))
    spent = spent_by_key = 0
    for step in range(10_000):
        now = 5.0 + step / 100
        if bucket.take(now) == "ok":
            bucket.charge(174, now)
            spent += 175
        if keyed.take("a", now) == "ok":
            keyed.charge("a", 174, now)
            spent_by_key += 175
    assert spent <= 100 * 100 + 200 + 175
    assert spent_by_key <= 100 * 100 + 200 + 175


def test_nobody_is_closed_for_what_it_owes_for_work_but_for_going_on() -> None:
    """A client is closed only for going on, not for the debt of admitted work."""
    bucket = Bucket(Rate(10, 5, debt=5))
    bucket.charge(100, 0.0)
    assert ["refuse"] * 5 + ["close"] * 2 == [bucket.take(0.0) for _ in range(7)]
    bucket = Bucket(Rate(10, 5, debt=5))
    bucket.charge(100, 0.0)
    assert ["refuse", "refuse", "close"] == [bucket.take(0.0, tokens=2) for _ in range(3)]


def test_nobody_waits_longer_than_a_minute() -> None:
    """At any rate and cost, no client waits longer than a minute."""
    bucket, keyed = Bucket(Rate(0.1, 1)), KeyedBuckets(Rate(0.1, 1))
    bucket.charge(1_000_000, 7.0)
    keyed.charge("a", 1_000_000, 7.0)
    assert "ok" == bucket.take(7.0 + 60 + 10.1)
    assert "ok" == keyed.take("a", 7.0 + 60 + 10.1)


def test_a_rate_of_zero_limits_nothing() -> None:
    """No message is refused, and no key is remembered."""
    bucket, keyed = Bucket(Rate(0, 0, debt=0)), KeyedBuckets(Rate(0, 0))
    bucket.charge(1000, 1.0)
    keyed.charge("key", 1000, 1.0)
    assert {"ok"} == {bucket.take(1.0) for _ in range(1000)} | {keyed.take("key", 1.0) for _ in range(1000)}
    assert 0 == len(keyed)


def test_a_burst_is_at_least_one() -> None:
    """A burst is at least one, so a positive rate lets something pass."""
    bucket = Bucket(Rate(0.5, 0))
    assert ["ok", "close", "ok"] == [bucket.take(now) for now in (10.0, 11.0, 12.0)]


@settings(deadline=None)
@given(st.floats(0.1, 1000), st.integers(1, 50), st.integers(0, 50), STARTS, PAUSES)
def test_never_more_than_the_burst_and_the_rate_allow(
    per_s: float, burst: int, debt: int, start: float, pauses: list[float]
) -> None:
    """In any stretch of any sequence, at most burst + rate x time pass; with one key of many, just the same."""
    rate = Rate(per_s, burst, debt)
    bucket, keyed = Bucket(rate), KeyedBuckets(rate)
    now, passed = start, []
    for pause in pauses:
        now += pause
        verdict = bucket.take(now)
        assert verdict == keyed.take("key", now)
        if verdict == "ok":
            passed.append(now)
    for first, at in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + per_s * (passed[last] - at) + 0.01


@settings(deadline=None)
@given(st.floats(0.1, 1000), st.integers(1, 50), STARTS, PAUSES)
def test_what_the_rate_allows_is_not_refused(per_s: float, burst: int, start: float, pauses: list[float]) -> None:
    """Without debt a message is refused only if the burst is used up, as in a model that counts tokens."""
    bucket = Bucket(Rate(per_s, burst))
    now, tokens, before = start, float(burst), start
    for pause in pauses:
        now += pause
        tokens, before = min(burst, tokens + (now - before) * per_s), now
        ok = bucket.take(now) == "ok"
        # Within what the model's own sums of floats leave open, either will do.
        assert ok or tokens < 1.01
        assert not ok or tokens > 0.98
        tokens -= ok


@settings(deadline=None)
@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.sampled_from("abcdefghijklmnop"), st.floats(0, 3)), max_size=300),
)
def test_memory_for_keys_is_bounded_and_nobody_new_is_refused(most: int, takes: list[tuple[str, float]]) -> None:
    """For any number of keys the memory is bounded, and the first request of a key always passes."""
    keyed = KeyedBuckets(Rate(1, 2), most)
    now = 0.0
    seen: set[str] = set()
    for key, pause in takes:
        now += pause
        verdict = keyed.take(key, now)
        assert len(keyed) <= most
        assert verdict == "ok" or key in seen
        seen.add(key)


def test_buckets_that_are_full_again_are_forgotten() -> None:
    """Full buckets of a crowd are forgotten after half as many further requests."""
    keyed = KeyedBuckets(Rate(10, 10))
    for number in range(1000):
        keyed.take(f"early {number}", 0.0)
    assert 1000 == len(keyed)
    for number in range(500):
        keyed.take(f"late {number}", 100.0)
    assert 500 == len(keyed)
    for step in range(250):
        keyed.take("last", 200.0 + step)
    assert 1 == len(keyed)


def test_one_that_keeps_flooding_is_not_forgotten_for_newcomers() -> None:
    """With all places taken the least recently used one goes; a flooding key stays."""
    keyed = KeyedBuckets(Rate(0.001, 1), most_keys=10)
    assert "ok" == keyed.take("flood", 0.0)
    for number in range(100):
        assert "ok" == keyed.take(str(number), 1.0)
        assert "close" == keyed.take("flood", 1.0)
    assert 10 == len(keyed)


def test_one_that_is_used_is_not_forgotten_for_newcomers() -> None:
    """A key in use is not forgotten for newcomers."""
    keyed = KeyedBuckets(Rate(0.001, 50), most_keys=10)
    verdicts = []
    for number in range(60):
        verdicts.append(keyed.take("busy", 1.0))
        keyed.take(str(number), 1.0)
    assert ["ok"] * 50 + ["close"] * 10 == verdicts


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 3)), max_size=100))
def test_a_tally_counts_like_a_list_of_who_is_here(steps: list[tuple[bool, str, int]]) -> None:
    """After any arrivals and departures, counts and refusals equal a plain model's."""
    tally, here = Tally(), Counter[str]()
    for comes, key, limit in steps:
        if comes:
            may = not limit or here[key] < limit
            assert may == tally.enter(key, limit)
            here[key] += may
        elif here[key]:
            tally.leave(key)
            here[key] -= 1
        assert {name: here[name] for name in "abc"} == {name: tally[name] for name in "abc"}
        assert len(+here) == len(tally)


def test_nobody_leaves_who_has_not_entered() -> None:
    """A departure without an arrival is an error, and the count stays right."""
    tally = Tally()
    with pytest.raises(KeyError):
        tally.leave("key")
    assert 0 == len(tally)
    assert tally.enter("key", 1)
    assert not tally.enter("key", 1)


def test_a_changed_rate_holds_for_the_buckets_there_are() -> None:
    """A changed rate holds for present buckets."""
    rate = Rate(10, 20, debt=10)
    bucket, keyed = Bucket(rate), KeyedBuckets(rate)
    assert {"ok"} == {take(100.0) for take in (bucket.take, lambda now: keyed.take("a", now)) for _ in range(10)}
    rate.change(1, 2, debt=1)
    assert ["ok", "refuse", "close", "close"] == [bucket.take(100.0) for _ in range(4)]
    rate.change(10, 20, debt=10)
    assert "ok" == bucket.take(102.0)
    assert "ok" == keyed.take("a", 100.0)


@pytest.mark.parametrize("per_s", [0, 1000])
def test_nobody_is_closed_for_what_a_stricter_rate_left_it_owing(per_s: float) -> None:
    """A debt above the new rate's limit is forgiven, also with no limit."""
    rate = Rate(0.1, 1, debt=2)
    bucket, keyed = Bucket(rate), KeyedBuckets(rate)
    for _ in range(4):
        bucket.take(50.0)
        keyed.take("a", 50.0)
    rate.change(per_s, 2 * per_s, debt=per_s)
    assert "ok" == bucket.take(50.1)
    assert "ok" == keyed.take("a", 50.1)
