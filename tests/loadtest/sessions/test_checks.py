"""Tests of `loadtest.sessions._checks`."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.protocol._messages import Snapshot, Tick
from loadtest.sessions._checks import Checker, Memory, TickError

NOW_US = 1_800_000_000_000_000


def tick(seq: int = 1, symbol: str = "BTCUSDT", **fields: Any) -> Tick:
    """Make a good tick, with these fields changed."""
    base: dict[str, Any] = {"bid": 100, "ask": 101, "price_scale": 2, "size_scale": 5, "recv_us": NOW_US + seq}
    return Tick(symbol=symbol, seq=seq, **(base | fields))


def judge(memory: Memory, quote: Tick | Snapshot) -> TickError | None:
    """Let the memory judge a quote."""
    return memory.judge(quote, msgspec.json.encode(quote))


def test_a_right_tick_is_remembered_by_its_bytes() -> None:
    """What was judged right is found again by its payload."""
    memory = Memory()
    payload = msgspec.json.encode(tick())
    assert memory.judge(tick(), payload) is None
    assert {payload: tick()} == memory.good


@pytest.mark.parametrize(
    ("quote", "tick_error"),
    [
        pytest.param(tick(2, bid=102, ask=101), TickError.CROSSED, id="crossed"),
        pytest.param(tick(2, bid=101, ask=101), None, id="locked is allowed"),
        pytest.param(tick(2, bid=msgspec.UNSET), None, id="one-sided"),
        pytest.param(tick(2, price_scale=3), TickError.RESCALED, id="another price scale"),
        pytest.param(tick(2, size_scale=4), TickError.RESCALED, id="another size scale"),
        pytest.param(tick(2, "ETHUSDT", price_scale=3), None, id="another symbol has its own scale"),
        pytest.param(tick(2, recv_us=NOW_US - 1_100_000), TickError.OLD, id="far back"),
        pytest.param(tick(2, recv_us=NOW_US - 900_000), None, id="a little back"),
        pytest.param(tick(1, bid=99), TickError.DIFFERENT, id="other numbers for one seq"),
        pytest.param(tick(1), None, id="the same again, for another user"),
    ],
)
def test_what_is_wrong_with_a_quote_is_named(quote: Tick, tick_error: TickError | None) -> None:
    """After one right tick, each kind of wrong one is told apart, and is not remembered as right."""
    memory = Memory()
    assert judge(memory, tick(1)) is None
    assert tick_error is judge(memory, quote)
    assert (tick_error is None) is (msgspec.json.encode(quote) in memory.good)


def test_a_snapshot_must_hold_the_numbers_of_its_tick() -> None:
    """A snapshot and a tick of one seq are compared number by number, their types apart."""
    memory = Memory()
    judge(memory, tick(7))
    fields = msgspec.structs.asdict(tick(7))
    assert judge(memory, Snapshot(**fields)) is None
    assert TickError.DIFFERENT is judge(memory, Snapshot(**(fields | {"ask": 105})))


def test_an_older_tick_from_a_slower_user_is_not_old() -> None:
    """Users are not equally far: a lower seq with its lower recv_us is right."""
    memory = Memory()
    judge(memory, tick(9, recv_us=NOW_US + 60_000_000))
    assert judge(memory, tick(3)) is None


def test_memory_is_bounded() -> None:
    """Only the newest ticks of each symbol are kept."""
    memory = Memory(per_symbol=4)
    for seq in range(1, 101):
        assert judge(memory, tick(seq)) is None
        assert judge(memory, tick(seq, "ETHUSDT")) is None
    assert [97, 98, 99, 100] == sorted(t.seq for t in memory.good.values() if t.symbol == "ETHUSDT")
    assert 8 == len(memory.good)


def test_ticks_count_on_from_the_snapshot() -> None:
    """After a snapshot each seq must be one higher; a symbol without a snapshot starts with its first tick."""
    checker = Checker()
    assert checker.snapshot(tick(10)) is None
    assert [None, None] == [checker.tick(tick(11)), checker.tick(tick(12))]
    assert checker.tick(tick(500, "ETHUSDT")) is None
    assert checker.tick(tick(501, "ETHUSDT")) is None


@pytest.mark.parametrize(
    ("seq", "tick_error"), [(12, TickError.SKIPPED), (10, TickError.REPEATED), (9, TickError.REPEATED), (11, None)]
)
def test_a_gap_is_any_step_but_one(seq: int, tick_error: TickError | None) -> None:
    """A step of two is a gap; nought and backwards are repetitions."""
    checker = Checker()
    checker.snapshot(tick(10))
    assert tick_error is checker.tick(tick(seq))


def test_a_gap_is_reported_once() -> None:
    """After a gap, counting goes on from the tick that came."""
    checker = Checker()
    checker.snapshot(tick(10))
    assert [TickError.SKIPPED, None] == [checker.tick(tick(20)), checker.tick(tick(21))]


def test_only_what_was_asked_for_may_come() -> None:
    """Once it is settled what is held, any other symbol is wrong, and its seq is forgotten."""
    checker = Checker()
    assert checker.tick(tick(1, "ETHUSDT")) is None
    checker.held({"BTCUSDT"})
    assert TickError.UNASKED is checker.tick(tick(2, "ETHUSDT"))
    assert {} == checker.last


def test_a_gap_that_was_announced_is_no_fault() -> None:
    """While stale, and in the first tick after it, ticks may be missing, and are counted; none may come twice."""
    checker = Checker()
    for symbol in ("A", "B", "C"):
        checker.snapshot(tick(10, symbol))
    checker.status(stale=True)
    assert checker.tick(tick(15, "A")) is None
    assert checker.tick(tick(18, "A")) is None
    checker.status(stale=False)
    assert checker.tick(tick(19, "A")) is None
    assert checker.tick(tick(20, "B")) is None
    assert 4 + 2 + 9 == checker.announced
    assert TickError.REPEATED is checker.tick(tick(10, "C"))
    assert TickError.SKIPPED is checker.tick(tick(30, "B"))


def test_a_slow_consumer_misses_ticks_and_no_order() -> None:
    """Where ticks are conflated a jump is none; a repetition is a fault all the same."""
    checker = Checker(every=False)
    checker.snapshot(tick(10))
    assert [None, None] == [checker.tick(tick(15)), checker.tick(tick(99))]
    assert TickError.REPEATED is checker.tick(tick(99))


def test_numbers_of_unknown_scale_are_not_compared() -> None:
    """A decimal tick without sizes neither sets a scale nor breaks one, and may still not be crossed."""
    memory = Memory()
    assert judge(memory, tick(1, size_scale=-1)) is None
    assert judge(memory, tick(2)) is None
    assert judge(memory, tick(3, size_scale=-1)) is None
    assert TickError.CROSSED is judge(memory, tick(4, size_scale=-1, bid=102))


def test_live_said_again_forgives_nothing() -> None:
    """A status that repeats `live` is not an outage."""
    checker = Checker()
    checker.snapshot(tick(10))
    checker.status(stale=False)
    assert TickError.SKIPPED is checker.tick(tick(12))


@given(st.lists(st.integers(1, 3), min_size=1, max_size=50))
def test_faults_are_as_many_as_steps_that_skip(steps: list[int]) -> None:
    """For any forward stream there is one fault for each step that is not one."""
    checker = Checker()
    checker.snapshot(tick(100))
    seq, faults = 100, 0
    for step in steps:
        seq += step
        faults += checker.tick(tick(seq)) is TickError.SKIPPED
    assert sum(step != 1 for step in steps) == faults
