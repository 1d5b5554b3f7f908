"""The newest messages, and where something may be missing between them."""

from itertools import pairwise

import pytest

from gateway.fanout.history.ring import BLOCK_BYTES, NEVER, Ring, open_ring
from gateway.protocol.forms import FramedTick
from tests.fakes import tick


class Published:
    """The newest tick of each topic, and a ring that gets a message for each tick."""

    def __init__(self, limit_bytes: int, *topics: str) -> None:
        self.newest: dict[str, FramedTick] = {}
        self.ring = open_ring(limit_bytes, self.newest)
        self.publish(1, *topics)

    def publish(self, seq: int, *topics: str) -> None:
        for topic in topics:
            self.newest[topic] = FramedTick(topic, seq, tick(topic, seq))
            self.ring.append(f"{topic}:{seq}".encode().ljust(200))

    def blocks(self) -> list[int]:
        """The numbers of all blocks."""
        return list(range(self.ring.first, self.ring.newest_block.number + 1))


def entries_of(ring: Ring) -> list[bytes]:
    """All that a ring has, in order; the topics and seqs of `Published`."""
    blocks = [ring.block(number) for number in range(ring.first, ring.newest_block.number + 1)]
    entries = [entry for block in blocks if block for entry in block.entries]
    return [entry.rstrip() for entry in entries if isinstance(entry, bytes)]


@pytest.mark.parametrize("limit_bytes", [1, 10_000, 200_000, 1_000_000])
def test_it_keeps_the_newest_messages_within_its_bounds(limit_bytes: int) -> None:
    """However much is published, the ring has an unbroken end of it, and takes no more memory than it may."""
    published = Published(limit_bytes, "AAA")
    for seq in range(2, 10_000):
        published.publish(seq, "AAA")
        assert published.ring.size <= max(limit_bytes, 2_000)
    kept = [int(entry.partition(b":")[2]) for entry in entries_of(published.ring)]
    assert all(after == before + 1 for before, after in pairwise(kept))
    assert kept == [] or kept[-1] == 9_999
    assert 250 * len(kept) >= limit_bytes // 2 - 1_000
    assert published.blocks()[0] > 0
    assert published.ring.block(0) is None


def test_nothing_is_kept_if_that_is_wanted() -> None:
    """A ring of 0 bytes keeps no message, however often it is cut."""
    published = Published(0, "AAA", "BBB")
    for seq in range(2, 200):
        published.publish(seq, "AAA")
        published.ring.cut(["AAA"], head_holds=True)
        published.ring.append_single(b"x")
    assert [] == entries_of(published.ring)
    assert published.ring.size < 10_000


def test_a_position_is_found_by_its_block() -> None:
    """The block where a replay begins had the position, or an older one, as its newest when it began."""
    published = Published(100 * BLOCK_BYTES, "AAA", "BBB")
    for seq in range(2, 3_000):
        published.publish(seq, "AAA")
        if seq % 100 == 0:
            published.publish(seq, "BBB")
    assert len(published.blocks()) > 5
    for topic, seq in (("AAA", 1), ("AAA", 1_500), ("AAA", 2_999), ("BBB", 1_000), ("BBB", 50), ("CCC", 7)):
        start = published.ring.start(topic, seq)
        assert start is not None
        assert start.head(topic) <= seq
        following = published.ring.block(start.number + 1)
        assert following is None or not following.is_marked or following.head(topic) > seq or topic == "CCC"
    assert NEVER == published.ring.newest_block.head("CCC")


def test_an_old_position_is_nowhere() -> None:
    """A position from before the oldest block has no start."""
    published = Published(10_000, "AAA")
    for seq in range(2, 3_000):
        published.publish(seq, "AAA")
    assert published.ring.start("AAA", 5) is None
    assert published.ring.start("AAA", 2_990) is not None


def test_a_block_follows_its_head_unless_the_ring_is_cut() -> None:
    """Behind a cut it is not known whether a tick is followed by the next one, until another has come."""
    published = Published(1_000_000, "AAA", "BBB", "CCC")
    ring = published.ring
    ring.cut(["AAA", "BBB"], head_holds=False)
    first = ring.newest_block
    assert (True, True, False) == tuple(first.cuts(topic) for topic in ("AAA", "BBB", "CCC"))
    assert (False, False, True) == tuple(first.follows(topic, 1) for topic in ("AAA", "BBB", "CCC"))
    assert 1 == first.head("AAA")
    published.publish(5, "AAA")
    ring.cut([], head_holds=True)
    later = ring.newest_block
    # Of BBB nothing has come since.
    assert (True, False, True) == (later.follows("AAA", 5), later.follows("BBB", 1), later.follows("CCC", 1))
    assert not later.cuts("AAA")


def test_the_newest_cut_decides() -> None:
    """Once the newest value is known to be the newest, what comes follows it."""
    published = Published(1_000_000, "AAA", "BBB")
    published.ring.cut(["AAA", "BBB"], head_holds=False)
    published.newest["AAA"] = FramedTick("AAA", 9, tick("AAA", 9))
    published.ring.cut(["AAA"], head_holds=True)
    block = published.ring.newest_block
    assert (True, False) == (block.follows("AAA", 9), block.follows("BBB", 1))
    assert block.cuts("AAA")


def test_cuts_without_messages_take_bounded_memory() -> None:
    """A link that comes and goes without a message between fills no block for ever."""
    published = Published(50_000, "AAA")
    for _ in range(10_000):
        published.ring.cut(["AAA"], head_holds=False)
    assert published.ring.size < 60_000
    assert len(published.blocks()) < 100
