"""Doubts about silence and their resolution; times are plain numbers."""

from hypothesis import given
from hypothesis import strategies as st

from poller.coverage.staleness import DEAD, UNUSABLE, StalenessWatch
from poller.stream.timing import DoubtTiming

TIMING = DoubtTiming()
"""5 s of patience, up to 60; 2 s to confirm; 3 s of garbage; 10 s to forgive."""


def watching(*symbols: str, most: int | None = None) -> StalenessWatch:
    """A watch over symbols whose connection began at 0."""
    doubts = StalenessWatch(TIMING, most)
    doubts.watch(symbols, 0.0)
    return doubts


def dead(symbol: str = "A") -> StalenessWatch:
    """A watch that has found ``symbol`` dead at 7."""
    doubts = watching(symbol)
    doubts.answered(symbol, 5.0, 5.0, newer=True)
    assert {symbol: DEAD} == doubts.verdicts(7.0)
    return doubts


def test_a_symbol_that_speaks_is_not_asked_about() -> None:
    """While each symbol sends within the patience, there is no request and no verdict."""
    doubts = watching("A", "B")
    for second in range(100):
        doubts.received("A", second)
        doubts.received("B", second)
        assert () == doubts.due(second + 0.9)
    assert {} == doubts.verdicts(100.0)


def test_a_quiet_symbol_is_asked_about_beside_a_busy_one() -> None:
    """After its patience the quiet one is asked about, and the busy one is not."""
    doubts = watching("A", "B")
    doubts.received("B", 4.9)
    assert () == doubts.due(4.99)
    assert ("A",) == doubts.due(5.0)


def test_questions_about_a_quiet_market_become_rare() -> None:
    """A symbol that is only quiet is asked about after twice the time, up to a minute; then once a minute."""
    doubts = watching("A")
    asked = []
    for tenth in range(10, 6000):
        now = tenth / 10
        if doubts.due(now):
            asked.append(now)
            doubts.answered("A", now, now, newer=False)
    assert [5.0, 15.0, 35.0, 75.0, 135.0, 195.0] == asked[:6]
    assert {} == doubts.verdicts(600.0)


def test_a_silence_that_may_have_a_reason_is_reported() -> None:
    """A symbol that was busy until now, or quiet for the longest time, has its listing read."""
    doubts = watching("A")
    told = [doubts.answered("A", second, second, newer=False) for second in (5, 15, 35, 75, 135, 195)]
    assert [True, False, False, False, True, True] == told


def test_a_symbol_that_speaks_again_is_trusted_as_before() -> None:
    """After two quotes within the patience, the next silence is doubted as early as the first."""
    doubts = watching("A")
    for now in (5.0, 15.0, 35.0):
        assert ("A",) == doubts.due(now)
        doubts.answered("A", now, now, newer=False)
    doubts.received("A", 40.0)
    doubts.received("A", 41.0)
    assert ("A",) == doubts.due(46.0)


def test_one_question_takes_those_along_whose_turn_is_near() -> None:
    """A symbol quiet for half of its patience is asked about with the one that is due; the next request waits."""
    doubts = watching("A", "B", "C")
    doubts.received("B", 2.0)
    doubts.received("C", 4.0)
    assert ("A", "B") == doubts.due(5.0)
    assert () == doubts.due(9.9)
    assert ("A", "B", "C") == doubts.due(10.0)


def test_a_question_has_a_size() -> None:
    """Of many symbols the quietest are asked about first, the others with the next request."""
    doubts = watching("A", "B", "C", most=2)
    doubts.received("A", 3.0)
    assert {"B", "C"} == set(doubts.due(9.0))
    assert {"A"} == {*doubts.due(14.0)} - {"B", "C"}


def test_what_the_stream_does_not_bring_makes_it_dead() -> None:
    """If REST has newer prices and the stream does not follow within the time to confirm, it is unreliable."""
    doubts = watching("A", "B")
    doubts.answered("A", 5.0, 5.1, newer=True)
    assert {} == doubts.verdicts(7.0)
    assert {"A": DEAD} == doubts.verdicts(7.1)
    doubts.answered("A", 8.0, 8.1, newer=False)
    assert {"A": DEAD} == doubts.verdicts(1000.0)


def test_a_stream_that_follows_is_alive() -> None:
    """A stream that follows REST in time is alive, and a dead stream that sends again is alive at once."""
    doubts = watching("A")
    doubts.answered("A", 5.0, 5.1, newer=True)
    doubts.received("A", 5.2)
    assert {} == doubts.verdicts(100.0)
    doubts = dead()
    doubts.received("A", 8.0)
    assert {} == doubts.verdicts(8.0)


def test_an_answer_that_the_stream_has_overtaken_proves_nothing() -> None:
    """A quote that came since the request makes its answer void."""
    doubts = watching("A")
    doubts.received("A", 5.2)
    assert not doubts.answered("A", 5.0, 5.5, newer=True)
    assert {} == doubts.verdicts(100.0)


def test_garbage_is_as_good_as_nothing() -> None:
    """Three seconds of unusable quotes make a stream unreliable; a good quote in between does not."""
    doubts = watching("A")
    doubts.unusable("A", 1.0)
    assert {} == doubts.verdicts(3.9)
    assert {"A": UNUSABLE} == doubts.verdicts(4.0)
    doubts.received("A", 4.1)
    assert {} == doubts.verdicts(4.1)
    doubts.unusable("A", 5.0)
    assert {} == doubts.verdicts(7.9)


def test_garbage_is_forgiven_when_the_market_is_quiet() -> None:
    """Long after the last unusable quote, if REST has nothing newer either, the market is quiet."""
    doubts = watching("A")
    doubts.unusable("A", 1.0)
    doubts.unusable("A", 6.0)
    doubts.answered("A", 15.9, 15.9, newer=False)
    assert {"A": UNUSABLE} == doubts.verdicts(16.0)
    doubts.answered("A", 16.0, 16.0, newer=False)
    assert {} == doubts.verdicts(16.0)


def test_a_new_connection_of_a_dead_symbol_is_on_trial() -> None:
    """A new stream counts as alive only when it sends, or when REST has nothing newer for a while."""
    doubts = dead()
    doubts.watch(["A"], 10.0)
    assert {"A": DEAD} == doubts.verdicts(10.0)
    doubts.answered("A", 14.9, 14.9, newer=False)
    assert {"A": DEAD} == doubts.verdicts(14.9)
    doubts.answered("A", 15.0, 15.0, newer=False)
    assert {} == doubts.verdicts(15.0)

    doubts = dead()
    doubts.watch(["A"], 10.0)
    doubts.received("A", 10.1)
    assert {} == doubts.verdicts(10.1)


def test_the_patience_with_a_forgiven_symbol_is_the_shortest() -> None:
    """After REST stood in for it, its next silence is doubted as early as any other."""
    doubts = dead()
    doubts.watch(["A"], 10.0)
    for second in range(11, 16):
        doubts.answered("A", second, second, newer=False)
    assert {} == doubts.verdicts(15.0)
    assert ("A",) == doubts.due(25.0)


def test_a_new_connection_that_is_dead_too_is_not_forgiven() -> None:
    """After REST has newer prices that the new stream did not bring either, a quiet minute does not clear it."""
    doubts = dead()
    doubts.watch(["A"], 10.0)
    doubts.answered("A", 11.0, 11.0, newer=True)
    for second in range(12, 72):
        doubts.answered("A", second, second, newer=False)
    assert {"A": DEAD} == doubts.verdicts(72.0)


def test_a_new_connection_of_a_doubted_symbol_is_judged_anew() -> None:
    """A doubt about the last connection that was not confirmed does not count against the next."""
    doubts = watching("A")
    doubts.answered("A", 5.0, 5.0, newer=True)
    doubts.watch(["A"], 6.0)
    assert {} == doubts.verdicts(100.0)


def test_what_is_forgotten_is_asked_about_no_more() -> None:
    """A forgotten symbol has no request and no verdict, and late events about it do nothing."""
    doubts = dead()
    doubts.forget(["A", "B"])
    doubts.received("A", 8.0)
    doubts.unusable("A", 8.0)
    doubts.answered("A", 8.0, 8.0, newer=True)
    assert () == doubts.due(1000.0)
    assert {} == doubts.verdicts(1000.0)


def test_what_cannot_be_read_brings_all_questions_forward() -> None:
    """After an unreadable message of an unknown symbol, every symbol has the shortest patience again."""
    doubts = watching("A")
    for now in (5.0, 15.0, 35.0):
        assert ("A",) == doubts.due(now)
        doubts.answered("A", now, now, newer=False)
    assert () == doubts.due(41.0)
    doubts.ask_soon()
    assert ("A",) == doubts.due(41.0)


EVENTS = st.lists(
    st.tuples(
        st.floats(0.01, 20.0),
        st.sampled_from(["received", "unusable", "newer", "known", "due", "watch", "forget", "ask_soon"]),
        st.sampled_from("ABC"),
    ),
    max_size=60,
)


@given(EVENTS)
def test_whatever_happens(events: list[tuple[float, str, str]]) -> None:
    """Requests keep their distance, only watched symbols have verdicts, and no verdict outlives a good quote."""
    doubts, now, watched, last_question = watching("A", "B"), 0.0, {"A", "B"}, -TIMING.gap_s
    for wait_s, event, symbol in events:
        now += wait_s
        match event:
            case "received":
                doubts.received(symbol, now)
                assert symbol not in doubts.verdicts(now + 1000.0)
            case "unusable":
                doubts.unusable(symbol, now)
            case "newer" | "known":
                doubts.answered(symbol, now, now, newer=event == "newer")
            case "due":
                due = doubts.due(now)
                assert set(due) <= watched
                assert len(due) == len(set(due))
                if due:
                    assert now - last_question >= TIMING.gap_s * 0.999
                    last_question = now
            case "watch":
                doubts.watch([symbol], now)
                watched.add(symbol)
            case "forget":
                doubts.forget([symbol])
                watched.discard(symbol)
            case "ask_soon":
                doubts.ask_soon()
        assert doubts.verdicts(now).keys() <= watched


@given(st.lists(st.floats(0.01, 100.0), max_size=40))
def test_nobody_is_quiet_for_longer_than_allowed(pauses: list[float]) -> None:
    """At any pace of time, a watched symbol is asked about at the first look after the longest silence."""
    doubts, now, last = watching("A"), 0.0, 0.0
    for pause_s in pauses:
        now += pause_s
        if doubts.due(now):
            doubts.answered("A", now, now, newer=False)
            last = now
        assert now - last < TIMING.longest_s
