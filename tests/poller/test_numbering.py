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


def test_each_symbol_counts_by_one() -> None:
    """Every symbol counts for itself, from the start time."""
    subject = Numbering(["A1", "B1"], START_MS)
    taken = [subject.take(symbol) - START_MS for symbol in ("A1", "B1", "A1", "A1", "B1")]
    assert [0, 0, 1, 2, 1] == taken


def test_renewed_tick() -> None:
    """A renewed tick is the same but for its seq."""
    subject = Numbering(["A1"], START_MS)
    assert tick("A1", START_MS) == subject.renew(tick("A1", 5))
    assert START_MS + 1 == subject.take("A1")


@pytest.mark.parametrize(
    ("stored", "now_ms", "following"),
    [
        pytest.param(None, START_MS - HOUR_MS, START_MS, id="empty, clock set back"),
        pytest.param(None, START_MS + HOUR_MS, START_MS + HOUR_MS, id="empty, an hour later"),
        pytest.param(START_MS - HOUR_MS, START_MS, START_MS, id="published long before"),
        pytest.param(START_MS + 5, START_MS, START_MS + 6 + GAP, id="published just now"),
        pytest.param(START_MS + HOUR_MS, START_MS, START_MS + HOUR_MS + 1 + GAP, id="published by a fast clock"),
        pytest.param(MAX_EXACT, START_MS, START_MS, id="published by nobody in his senses"),
    ],
)
def test_learning(stored: int | None, now_ms: int, following: int) -> None:
    """Who learns what the bus holds goes on above that, above the clock, and never below what was taken."""
    subject = Numbering(["A1", "B1"], START_MS)
    subject.learn({} if stored is None else values(A1=stored, GONE=1), now_ms)
    assert (following, max(START_MS, now_ms)) == (subject.take("A1"), subject.take("B1"))


def test_what_is_no_tick_is_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    """A last value that is no tick is passed over, with one line in the log however often it is seen."""
    subject = Numbering(["A1", "B1"], START_MS)
    with caplog.at_level(logging.DEBUG):
        for _ in range(100):
            subject.learn({"A1": b"garbage", "C1": b"garbage"} | values(B1=START_MS), START_MS)
    assert (START_MS, START_MS + 1 + GAP) == (subject.take("A1"), subject.take("B1"))
    assert ["last value of A1"] == [record.getMessage()[:16] for record in caplog.records]


events = st.tuples(st.sampled_from(["take", "learn"]), st.integers(0, 2), st.integers(-HOUR_MS, HOUR_MS))


@given(st.lists(st.integers(-HOUR_MS, HOUR_MS), min_size=2, max_size=4), st.lists(events, max_size=60))
def test_whoever_leads(clocks: list[int], stream: list[tuple[str, int, int]]) -> None:
    """However wrong their clocks are, and however often the lead changes, what is published only grows."""
    pollers = [Numbering(["A1"], START_MS + clock) for clock in clocks]
    leading, stored = 0, 0
    for what, which, step in stream:
        if what == "take":
            seq = pollers[leading].take("A1")
            assert stored < seq
            stored = seq
        else:
            leading = which % len(pollers)
            pollers[leading].learn(values(A1=stored) if stored else {}, START_MS + clocks[leading] + step)
