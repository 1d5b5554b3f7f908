"""The way of one client through the ring."""

import pytest

from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.feed.intake import ticks_of
from gateway.fanout.history.history import History
from gateway.fanout.history.replay import PIECE_TICKS, Replay, without
from gateway.protocol.forms import FramedTick
from market.wire.codec import encode_tick
from market.wire.tick_batch import encode_batch
from tests.fakes import decoded, tick


class Past:
    """A history of batches."""

    def __init__(self, limit_bytes: int = 10_000_000) -> None:
        self.newest: dict[str, FramedTick] = {}
        self.history = History(limit_bytes, self.newest, ticks_of)

    def publish(self, *ticks: tuple[str, int]) -> None:
        """One batch."""
        payload = encode_batch("term", 0, [encode_tick(tick(topic, seq)) for topic, seq in ticks])
        self.newest.update({topic: FramedTick(topic, seq, tick(topic, seq)) for topic, seq in ticks})
        self.history.ring.append(payload)

    def replay(self, **since: int) -> Replay:
        wants = (Subscription(frozenset(since), rule="every"),)
        return Replay(self.history.ring, self.history.decoded, wants, since)


def all_of(replay: Replay) -> list[tuple[str, int]]:
    """Everything up to the end of the ring."""
    blob, more = b"", True
    while more:
        piece = replay.take()
        blob, more = blob + piece.blob, piece.more
    return [(one["symbol"], one["seq"]) for one in decoded(blob)]


def test_each_topic_goes_on_where_the_client_is() -> None:
    """Ticks come in the order in which they were published, of each topic those behind its position."""
    past = Past()
    past.publish(("AAA", 1), ("BBB", 1), ("AAA", 2))
    past.publish(("BBB", 2), ("CCC", 9), ("AAA", 3), ("BBB", 3))
    replay = past.replay(AAA=1, BBB=2)
    assert [("AAA", 2), ("AAA", 3), ("BBB", 3)] == all_of(replay)
    assert ({"AAA": 3, "BBB": 3}, {}, []) == (replay.positions, replay.sought, replay.lost)
    past.publish(("BBB", 4))
    assert [("BBB", 4)] == all_of(replay)


def test_numbers_may_jump() -> None:
    """What follows a tick is what was published behind it, whatever its number."""
    past = Past()
    past.publish(("AAA", 5), ("AAA", 10_000), ("AAA", 10_001))
    assert [("AAA", 10_000), ("AAA", 10_001)] == all_of(past.replay(AAA=5))
    assert [("AAA", 10_001)] == all_of(past.replay(AAA=10_000))


@pytest.mark.parametrize("since", [4, 6, 9_998])
def test_a_position_that_never_was_is_lost(since: int) -> None:
    """A number that the ring does not have, and that no tick follows by one, is nobody's last."""
    past = Past()
    past.publish(("AAA", 1), ("AAA", 5), ("AAA", 10_000))
    replay = past.replay(AAA=since)
    got = all_of(replay)
    assert ([("AAA", 5), ("AAA", 10_000)], []) if since == 4 else ([], ["AAA"]) == (got, replay.lost)


def test_a_cut_is_crossed_by_the_next_number_only() -> None:
    """Where something may be missing, a topic goes on with the next number, and is lost with any other."""
    past = Past()
    past.publish(("AAA", 1), ("BBB", 1), ("CCC", 1))
    past.history.ring.cut(["AAA", "BBB"], head_holds=False)
    past.publish(("AAA", 2), ("BBB", 3), ("CCC", 3))
    replay = past.replay(AAA=0, BBB=0, CCC=1)
    assert [("AAA", 1), ("BBB", 1), ("AAA", 2), ("CCC", 3)] == all_of(replay)
    assert (["BBB"], 1) == (replay.lost, replay.positions["BBB"])
    replay.drop(["BBB"])
    past.publish(("AAA", 3), ("BBB", 4))
    assert [("AAA", 3)] == all_of(replay)


def test_a_topic_without_news_is_still_sought_at_the_end() -> None:
    """If nothing came behind a position, or the position is ahead of the ring, the caller decides."""
    past = Past()
    past.publish(("AAA", 1), ("BBB", 1))
    replay = past.replay(AAA=1, BBB=5)
    assert [] == all_of(replay)
    assert {"AAA": 1, "BBB": 5} == replay.sought
    past.publish(("BBB", 2), ("BBB", 3), ("BBB", 4), ("BBB", 5), ("BBB", 6))
    assert [("BBB", 6)] == all_of(replay)
    assert {"AAA": 1} == replay.sought


def test_a_ring_that_goes_on_without_the_client() -> None:
    """If what a client has not been sent is gone, its topics are lost, unless the next number is still there."""
    past = Past(20_000)
    past.publish(("AAA", 1), ("BBB", 1))
    replay = past.replay(AAA=0, BBB=0)
    assert replay.take().blob
    for seq in range(2, 1_000):
        past.publish(("AAA", seq))
    assert past.history.ring.first > 0
    assert [] == all_of(replay)
    assert (["AAA"], {"AAA": 1, "BBB": 1}) == (replay.lost, replay.positions)
    assert [] == all_of(past.replay(AAA=1))
    assert past.replay(AAA=1).lost == ["AAA"]


def test_a_long_history_comes_in_pieces() -> None:
    """No piece looks at more than so many ticks, however large the batches are."""
    past = Past()
    for start in range(0, 3_000, 1_000):
        past.publish(*(("AAA", start + number) for number in range(1_000)))
    replay, sizes, more = past.replay(AAA=0), [], True
    while more:
        piece = replay.take()
        sizes.append((piece.ticks, piece.looked_at))
        more = piece.more
    assert [2_999, 3_000] == [sum(size) for size in zip(*sizes, strict=True)]
    assert max(sizes) <= (PIECE_TICKS, PIECE_TICKS)


def test_without_topics() -> None:
    """What is left of subscriptions without some topics."""
    one, other = Subscription(frozenset({"A", "B"})), Subscription(frozenset({"C"}), batch=True)
    assert (one, other) == without((one, other), ["D"])
    assert (Subscription(frozenset({"B"})),) == without((one, other), ["A", "C"])
    assert () == without((one, other), ["A", "B", "C"])
