"""Notes of positions, behind every tick."""

from typing import Any

import pytest

from gateway.fanout.cohorts.cohort import Cohort
from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.cohorts.noting_cohort import NotingCohort
from gateway.metrics.counters import Counters
from gateway.protocol.event_encoding import EVENTS, read_positions
from gateway.protocol.forms import FramedTick
from tests.fakes import NoGroup, RecordingMember, tick


def framed(symbol: str, seq: int) -> FramedTick:
    """A tick that was published as number ``seq``."""
    return FramedTick(symbol, seq, tick(symbol, seq), offset=seq)


def fallen(*_: Any) -> None:
    """No member of such a cohort is slow."""
    raise AssertionError


def noting(last: dict[str, FramedTick], *topics: str) -> NotingCohort:
    """A cohort of these topics."""
    encoding = EVENTS.every
    assert encoding.positions is not None
    wants = Subscription(frozenset(topics), encoding, rule="every")
    return NotingCohort(wants, NoGroup(), fallen, Counters(), note=encoding.positions, last=last)


def notes(member: RecordingMember) -> list[dict[str, int] | None]:
    """Every note that a member was sent."""
    events = b"".join(member.written).decode().split("\n\n")
    return [read_positions(event.removeprefix("id: ")) for event in events if event.startswith("id: ")]


def test_a_note_has_the_position_of_every_topic() -> None:
    """Also of one that is quiet; a topic without a tick has none. It comes behind the ticks that it counts."""
    cohort, member = noting({"ETH": framed("ETH", 4)}, "BTC", "ETH", "SOL"), RecordingMember(EVENTS.every)
    cohort.join(member)
    cohort.flush_every([framed("BTC", 7), framed("DOGE", 8), framed("BTC", 9)], 6)
    assert [{"BTC": 9, "ETH": 4}] == notes(member)
    (blob,) = member.written
    assert blob.rindex(b'"seq":9') < blob.index(b"id: ")


def test_with_many_topics_a_note_comes_seldom() -> None:
    """It would be longer than the ticks. What it says is never ahead of what was sent."""
    topics = [f"S{number}" for number in range(100)]
    cohort = noting({topic: framed(topic, 1) for topic in topics}, *topics)
    member = RecordingMember(EVENTS.every)
    cohort.join(member)
    sent = dict.fromkeys(topics, 1)
    for seq in range(2, 200):
        before = len(notes(member))
        sent[f"S{seq % 100}"] = seq
        cohort.flush_every([framed(f"S{seq % 100}", seq)], seq - 1)
        if len(notes(member)) > before:
            assert sent == notes(member)[-1]
    ticks = len(b"".join(member.written))
    assert 3 <= len(notes(member)) <= 12
    assert ticks < 3 * sum(len(EVENTS.tick_frame(framed("S10", seq))) for seq in range(2, 200))


def test_a_note_that_is_too_long_for_a_request_is_not_sent() -> None:
    """A client that brought it back would be refused, and a browser would not try again."""
    for count, is_noted in ((200, True), (400, False)):
        topics = [f"NUMBER{number}USDT" for number in range(count)]
        cohort, member = noting({topic: framed(topic, 10**12) for topic in topics}, *topics), RecordingMember(EVENTS)
        cohort.join(member)
        for seq in range(10**12 + 1, 10**12 + 500):
            cohort.flush_every([framed(topics[7], seq)], seq - 1)
        assert is_noted == bool(notes(member))


def test_a_newcomer_gets_the_same_note_behind_its_own_ticks() -> None:
    """What it was not sent here it has had before it came."""
    cohort, newcomer = noting({}, "BTC"), RecordingMember(EVENTS.every)
    cohort.join_later(newcomer, 1, pending=True)
    cohort.flush_every([framed("BTC", 1), framed("BTC", 2)], 0)
    assert [{"BTC": 2}] == notes(newcomer)
    assert b'"seq":1' not in b"".join(newcomer.written)


@pytest.mark.parametrize("encoding", [EVENTS, EVENTS.decimal])
def test_who_gets_the_newest_only_gets_no_notes(encoding: Any) -> None:
    """A snapshot is all that it needs when it comes back."""
    cohort = Cohort(Subscription(frozenset(("BTC",)), encoding), NoGroup(), fallen, Counters())
    assert encoding.positions is None
    assert not isinstance(cohort, NotingCohort)
