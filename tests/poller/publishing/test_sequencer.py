"""The seq of every tick."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.prices.tick import MAX_EXACT, SEQ_AHEAD_MS
from market.wire.codec import encode_tick
from poller.publishing.sequencer import GAP, Sequencer
from tests.market.samples import tick

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
DAY_MS = SEQ_AHEAD_MS


def values(**seqs: int) -> dict[str, bytes]:
    """Last values with these seqs."""
    return {symbol: encode_tick(tick(symbol, seq)) for symbol, seq in seqs.items()}


def leading(*symbols: str) -> Sequencer:
    """A sequencer that leads on an empty bus."""
    subject = Sequencer(symbols)
    subject.lead({}, START_MS)
    return subject


def test_each_symbol_counts_by_one() -> None:
    """Every symbol counts for itself, from the start time."""
    subject = leading("A1", "B1")
    taken = [subject.take(symbol) - START_MS for symbol in ("A1", "B1", "A1", "A1", "B1")]
    assert [0, 0, 1, 2, 1] == taken


def test_renewed_tick() -> None:
    """A renewed tick differs only in its seq."""
    subject = leading("A1")
    assert tick("A1", START_MS) == subject.renew(tick("A1", 5))
    assert START_MS + 1 == subject.take("A1")


@pytest.mark.parametrize(
    ("stored", "now_ms", "following"),
    [
        pytest.param(START_MS - HOUR_MS, START_MS, START_MS, id="published long before"),
        pytest.param(START_MS, START_MS, START_MS + 1, id="published just now"),
        pytest.param(START_MS + HOUR_MS, START_MS, START_MS + HOUR_MS + 1, id="published by a faster clock"),
        pytest.param(None, START_MS, START_MS, id="empty"),
        pytest.param(START_MS + DAY_MS - 1, START_MS, START_MS + DAY_MS, id="published by a clock a day ahead"),
        pytest.param(START_MS + DAY_MS + 1, START_MS, START_MS, id="published by nobody in his senses"),
        pytest.param(MAX_EXACT, START_MS, START_MS, id="the highest number there is"),
        pytest.param(MAX_EXACT - 1, START_MS, START_MS, id="the highest but one"),
    ],
)
def test_who_takes_the_lead(stored: int | None, now_ms: int, following: int) -> None:
    """A new leader continues above the last values of the bus, and above the time."""
    subject = Sequencer(["A1"])
    subject.lead({} if stored is None else values(A1=stored, GONE=1), now_ms)
    assert following == subject.take("A1")


def test_a_symbol_that_is_added_goes_on_above_what_anybody_published_of_it() -> None:
    """A new symbol leaves other numbers as they are; a slow clock and a second addition change nothing."""
    subject = Sequencer(["A1"])
    subject.add("B1", START_MS)
    subject.lead(values(A1=5, B1=START_MS + 7, C1=START_MS + HOUR_MS), START_MS)
    subject.take("A1")
    for symbol in ("C1", "D1", "B1", "A1"):
        subject.add(symbol, START_MS - HOUR_MS + 9)
    taken = [subject.take(symbol) - START_MS for symbol in ("A1", "B1", "C1", "D1")]
    assert [1, 8, HOUR_MS + 1, 9 - HOUR_MS] == taken
    subject.add("C1", START_MS)
    assert START_MS + HOUR_MS + 2 == subject.take("C1")
    # Of a symbol that is new to one that stands by, it is the next leader's matter.
    subject.follow({}, START_MS)
    subject.add("E1", START_MS)
    subject.lead(values(E1=START_MS + 3), START_MS)
    assert START_MS + 4 == subject.take("E1")


def test_clock_that_was_set_back() -> None:
    """A leader counts on at any clock time, and so does one that takes the lead again."""
    subject = leading("A1")
    assert START_MS == subject.take("A1")
    subject.lead(values(A1=START_MS), START_MS - HOUR_MS)
    assert START_MS + 1 == subject.take("A1")


def test_standing_by() -> None:
    """Numbers given while another leads do not count."""
    subject = Sequencer(["A1"])
    for seq in range(START_MS + 10, START_MS + 50, 10):
        subject.follow(values(A1=seq), START_MS)
        assert [seq + 1] * 5 == [subject.take("A1") for _ in range(5)]
    subject.lead(values(A1=START_MS + 55), START_MS)
    assert [START_MS + 56, START_MS + 57] == [subject.take("A1") for _ in range(2)]


@pytest.mark.parametrize("stored", [{}, values(A1=START_MS + 5)])
def test_bus_that_lost_the_newest(stored: dict[str, bytes]) -> None:
    """Earlier values, seen or published by ourselves, count even if the bus has none or older ones."""
    seen, published = Sequencer(["A1"]), leading("A1")
    seen.follow(values(A1=START_MS + 99), START_MS)
    for _ in range(100):
        published.take("A1")
    for subject in (seen, published):
        subject.follow(stored, START_MS - HOUR_MS)
        subject.lead(stored, START_MS - HOUR_MS)
        assert START_MS + 100 + (0 if stored else GAP) == subject.take("A1")


def test_what_is_no_tick_is_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    """A last value that is not a tick is ignored, with one log line for any number of readings."""
    subject = Sequencer(["A1", "B1"])
    with caplog.at_level(logging.DEBUG):
        for _ in range(100):
            subject.follow({"A1": b"garbage", "C1": b"garbage"} | values(B1=START_MS), START_MS)
    assert (0, START_MS + 1) == (subject.take("A1"), subject.take("B1"))
    assert ["last value of A1"] == [record.getMessage()[:16] for record in caplog.records]


@pytest.mark.parametrize(
    "poison",
    [
        values(A1=MAX_EXACT),
        values(A1=START_MS + DAY_MS + 1),
        {"A1": encode_tick(tick("A1", 5)).replace(b'"seq":5', b'"seq":-5')},
        {"A1": encode_tick(tick("A1", 5)).replace(b'"seq":5', b'"seq":5.5')},
        {"A1": encode_tick(tick("A1", 5)).replace(b'"seq":5', b'"seq":' + b"5" * 400)},
        {"A1": encode_tick(tick("A1", START_MS + 5)) + b" " * 3_000_000},
    ],
    ids=["2^53 - 1", "a day and a millisecond", "negative", "float", "huge", "3 MB"],
)
def test_what_nobody_should_have_written_moves_no_number(poison: dict[str, bytes]) -> None:
    """A wrong last value is ignored by a stand-by, by a new leader and for an added symbol; others are not affected."""
    subject = Sequencer(["A1", "B1"])
    subject.follow(values(A1=START_MS - 5, B1=START_MS + 7), START_MS)
    subject.follow(poison | values(B1=START_MS + 8), START_MS)
    assert [START_MS - 4, START_MS + 9] == [subject.take(symbol) for symbol in ("A1", "B1")]
    subject.lead(poison | values(B1=START_MS + 8), START_MS)
    assert [START_MS - 4 + GAP, START_MS + 9] == [subject.take(symbol) for symbol in ("A1", "B1")]
    added = Sequencer(["B1"])
    added.lead(poison, START_MS)
    added.add("A1", START_MS)
    assert START_MS == added.take("A1")


def test_a_clock_that_was_days_ahead_and_is_set_right(caplog: pytest.LogCaptureFixture) -> None:
    """A symbol whose numbers gateways would refuse is numbered from the time again, and that is logged."""
    subject = Sequencer(["A1"])
    subject.lead({}, START_MS + 2 * DAY_MS)
    assert START_MS + 2 * DAY_MS == subject.take("A1")
    subject.look(START_MS)
    assert [START_MS, START_MS + 1] == [subject.take("A1") for _ in range(2)]
    assert 1 == len(caplog.records)
    # The same where the lead is taken anew, by itself or by one that stood by.
    for other in (Sequencer(["A1"]), subject):
        other.follow(values(A1=START_MS + 2 * DAY_MS), START_MS + 2 * DAY_MS)
        other.lead(values(A1=START_MS + 2 * DAY_MS), START_MS + 5)
        assert START_MS + 5 == other.take("A1")


def test_thousands_of_wrong_symbols_are_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    """The log names only some symbols, both for ignored last values and for restarted numbers."""
    names = [f"S{number}" for number in range(1000)]
    subject = Sequencer(names)
    subject.lead(values(**dict.fromkeys(names, MAX_EXACT)), START_MS)
    assert 6 == len(caplog.records)
    subject.look(START_MS - 2 * DAY_MS)
    assert {START_MS - 2 * DAY_MS} == {subject.take(name) for name in names}
    assert 11 == len(caplog.records)


def test_more_ticks_than_milliseconds_for_hours() -> None:
    """A symbol whose count is a day ahead of the clock begins with the time again, so gateways accept it."""
    subject = leading("A1")
    subject.lead(values(A1=START_MS + DAY_MS - 3), START_MS)
    taken = [subject.take("A1") for _ in range(6)]
    assert [DAY_MS - 2, DAY_MS - 1, DAY_MS, 0, 1, 2] == [seq - START_MS for seq in taken]


turns = st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 5, GAP - 1]), st.booleans())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-HOUR_MS, HOUR_MS), min_size=4, max_size=4), st.lists(turns, max_size=30))
def test_whoever_leads(clocks: list[int], stream: list[tuple[int, int, bool]]) -> None:
    """With any clocks, changes of the lead and losses of the bus, the published seq only grows."""
    pollers = [Sequencer(["A1"]) for _ in clocks]
    pollers[0].lead({}, START_MS + clocks[0])
    published = pollers[0].take("A1")
    for leader, ticks, loses in stream:
        stored = values(A1=published)
        for subject, clock in zip(pollers, clocks, strict=True):
            subject.follow(stored, START_MS + clock)
        if loses:
            # After all have looked, somebody publishes on; then everything is lost.
            pollers[0].lead(stored, START_MS + clocks[0])
            for _ in range(ticks):
                published = pollers[0].take("A1")
            stored = {}
        pollers[leader].lead(stored, START_MS + clocks[leader])
        for _ in range(1 + ticks % 10):
            seq = pollers[leader].take("A1")
            assert published < seq
            published = seq
