"""The seq of every tick."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.codec import encode_tick
from market.tick import MAX_EXACT
from poller.numbering import GAP, Numbering
from tests.market.samples import tick

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000


def values(**seqs: int) -> dict[str, bytes]:
    """Last values with these seqs."""
    return {symbol: encode_tick(tick(symbol, seq)) for symbol, seq in seqs.items()}


def leading(*symbols: str) -> Numbering:
    """One that leads on an empty bus."""
    subject = Numbering(symbols, START_MS)
    subject.lead({}, START_MS)
    return subject


def test_each_symbol_counts_by_one() -> None:
    """Every symbol counts for itself, from the start time."""
    subject = leading("A1", "B1")
    taken = [subject.take(symbol) - START_MS for symbol in ("A1", "B1", "A1", "A1", "B1")]
    assert [0, 0, 1, 2, 1] == taken


def test_renewed_tick() -> None:
    """A renewed tick is the same but for its seq."""
    subject = leading("A1")
    assert tick("A1", START_MS) == subject.renew(tick("A1", 5))
    assert START_MS + 1 == subject.take("A1")


@pytest.mark.parametrize("clock_ms", [-HOUR_MS, 0, HOUR_MS])
@pytest.mark.parametrize("stored", [START_MS, START_MS + HOUR_MS, START_MS - 10 * HOUR_MS])
def test_who_takes_the_lead_goes_on_right_above(clock_ms: int, stored: int) -> None:
    """What the bus holds is followed without a gap, unless the time at our own start is above it already."""
    subject = Numbering(["A1"], START_MS + clock_ms)
    subject.lead(values(A1=stored, GONE=1), START_MS + clock_ms + 500)
    assert max(stored + 1, START_MS + clock_ms) == subject.take("A1")


def test_standing_by() -> None:
    """What is numbered while another leads does not count."""
    subject = Numbering(["A1"], START_MS)
    for seq in range(START_MS + 10, START_MS + 50, 10):
        subject.follow(values(A1=seq))
        assert [seq + 1] * 5 == [subject.take("A1") for _ in range(5)]
    subject.lead(values(A1=START_MS + 55), START_MS)
    assert [START_MS + 56, START_MS + 57] == [subject.take("A1") for _ in range(2)]


@pytest.mark.parametrize("now_ms", [START_MS - HOUR_MS, START_MS, START_MS + HOUR_MS])
def test_bus_that_lost_everything(now_ms: int) -> None:
    """Above what was seen last, or published by ourselves, a gap is left for what nobody knows of; or time tells."""
    seen, published, fresh = Numbering(["A1"], START_MS), leading("A1"), Numbering(["A1"], START_MS)
    seen.follow(values(A1=START_MS + 99))
    for _ in range(100):
        published.take("A1")
    for subject, known in ((seen, START_MS + 100 + GAP), (published, START_MS + 100 + GAP), (fresh, START_MS)):
        subject.follow({})
        subject.lead({}, now_ms)
        assert max(known, now_ms) == subject.take("A1")


def test_what_was_published_by_nobody_in_his_senses() -> None:
    """A last value with an absurd seq is passed over."""
    subject = Numbering(["A1"], START_MS)
    subject.lead(values(A1=MAX_EXACT), START_MS)
    assert START_MS == subject.take("A1")


def test_what_is_no_tick_is_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    """A last value that is no tick is passed over, with one line in the log however often it is seen."""
    subject = Numbering(["A1", "B1"], START_MS)
    with caplog.at_level(logging.DEBUG):
        for _ in range(100):
            subject.follow({"A1": b"garbage", "C1": b"garbage"} | values(B1=START_MS))
    assert (START_MS, START_MS + 1) == (subject.take("A1"), subject.take("B1"))
    assert ["last value of A1"] == [record.getMessage()[:16] for record in caplog.records]


turns = st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 5, GAP // 2]), st.booleans())


@given(st.lists(st.integers(-HOUR_MS, HOUR_MS), min_size=4, max_size=4), st.lists(turns, max_size=30))
def test_whoever_leads(clocks: list[int], stream: list[tuple[int, int, bool]]) -> None:
    """However wrong their clocks, however often the lead changes or the bus loses all, what is published only grows."""
    pollers = [Numbering(["A1"], START_MS + clock) for clock in clocks]
    published = 0
    for leader, ticks, loses in stream:
        stored = values(A1=published) if published else {}
        for subject in pollers:
            subject.follow(stored)
        if loses:
            # After all have looked, somebody publishes on; then everything is lost.
            pollers[0].lead(stored, START_MS + clocks[0])
            for _ in range(ticks):
                published = pollers[0].take("A1")
            stored = {}
        pollers[leader].lead(stored, START_MS + clocks[leader])
        for _ in range(min(ticks, 10)):
            seq = pollers[leader].take("A1")
            assert published < seq
            published = seq
