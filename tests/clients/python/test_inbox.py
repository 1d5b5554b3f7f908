"""What waits for the caller is bounded, and is the newest."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.clients.python.talks import price
from tickgate_client.events import Event, Gap, State
from tickgate_client.inbox import Inbox
from tickgate_client.tick import Tick, tick_of


def tick(symbol: str, seq: int) -> Tick:
    """A tick of that number."""
    return tick_of(price(symbol, seq))


def all_of(inbox: Inbox) -> list[Event]:
    """Take everything."""
    return list(iter(inbox.take, None))


def told(inbox: Inbox) -> list[Any]:
    """Symbol and number of each tick, and everything else as it is."""
    return [(event.symbol, event.seq) if isinstance(event, Tick) else event for event in all_of(inbox)]


def test_a_newer_tick_takes_the_place_of_an_older_one() -> None:
    """There is one of each symbol at most; a symbol that changes often does not push others back."""
    inbox = Inbox()
    for seq in range(1000):
        inbox.newest(tick("A", seq))
        inbox.newest(tick("B", seq))
    assert 2 == len(inbox)
    assert [("A", 999), ("B", 999)] == told(inbox)
    assert 1998 == inbox.conflated


def test_a_state_is_behind_the_ticks_from_before_it() -> None:
    """Only the newest of a symbol is told, where it has changed last."""
    inbox = Inbox()
    inbox.tell(State("A", "stale"))
    inbox.newest(tick("A", 1))
    inbox.tell(State("A", "live"))
    assert [("A", 1), State("A", "live")] == told(inbox)


def test_too_many_ticks_become_a_gap_of_each_symbol() -> None:
    """The first and last numbers that are missing; what comes next follows."""
    inbox = Inbox(queue_size=4)
    for seq in range(1, 4):
        inbox.each(tick("A", seq))
    inbox.each(tick("B", 7))
    inbox.tell(State("A", "live"))
    inbox.each(tick("A", 4))
    assert [State("A", "live"), Gap("A", 1, 3, "slow"), Gap("B", 7, 7, "slow"), ("A", 4)] == told(inbox)


def test_what_is_taken_makes_room() -> None:
    """Who keeps up misses nothing, however much comes."""
    inbox = Inbox(queue_size=2)
    for seq in range(1, 50, 2):
        inbox.each(tick("A", seq))
        inbox.each(tick("A", seq + 1))
        assert [("A", seq), ("A", seq + 1)] == told(inbox)


def test_gaps_that_nobody_takes_are_joined() -> None:
    """One that the gateway told, and one that follows because of this program, are one."""
    inbox = Inbox(queue_size=2)
    inbox.tell(Gap("A", 1, 4, "history"))
    inbox.each(tick("A", 5))
    inbox.each(tick("A", 6))
    inbox.each(tick("A", 7))
    inbox.each(tick("A", 8))
    inbox.each(tick("A", 9))
    assert [Gap("A", 1, 8, "slow"), ("A", 9)] == told(inbox)


def test_what_is_unsubscribed_is_not_told_any_more() -> None:
    """Its ticks are gone, and those of others stay."""
    inbox = Inbox(queue_size=2)
    inbox.newest(tick("A", 1))
    inbox.each(tick("B", 1))
    inbox.each(tick("B", 2))
    inbox.newest(tick("C", 1))
    inbox.forget({"B"})
    inbox.each(tick("D", 1))
    inbox.each(tick("D", 2))
    assert [("A", 1), ("C", 1), ("D", 1), ("D", 2)] == told(inbox)


def test_whoever_waits_is_called_once() -> None:
    """The second arrival finds nobody waiting."""
    inbox, calls = Inbox(), []
    inbox.on_arrival = lambda: calls.append(len(inbox))
    inbox.newest(tick("A", 1))
    inbox.newest(tick("B", 1))
    assert [1] == calls


@given(st.integers(1, 5), st.lists(st.one_of(st.sampled_from("ABC"), st.integers(1, 4)), max_size=60))
def test_every_tick_comes_or_is_in_a_gap(queue_size: int, script: list[str | int]) -> None:
    """However fast they come and however slowly they are taken: in order, each once, and the queue is bounded."""
    inbox, seqs, expected = Inbox(queue_size), dict.fromkeys("ABC", 0), dict.fromkeys("ABC", 1)
    events = []
    for step in script:
        if isinstance(step, str):
            seqs[step] += 1
            inbox.each(tick(step, seqs[step]))
            assert len(inbox) <= queue_size + 2 * len(seqs)
        else:
            events += [event for _ in range(step) if (event := inbox.take()) is not None]
    for event in (*events, *all_of(inbox)):
        assert isinstance(event, Tick | Gap)
        first, last = (event.seq, event.seq) if isinstance(event, Tick) else (event.from_seq, event.to_seq)
        assert expected[event.symbol] == first
        assert last is not None
        expected[event.symbol] = last + 1
    assert {symbol: seq + 1 for symbol, seq in seqs.items()} == expected
