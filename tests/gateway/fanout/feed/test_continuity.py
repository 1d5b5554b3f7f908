"""Where something may be missing between two batches."""

import pytest

from gateway.fanout.feed.continuity import Continuity
from gateway.fanout.history.ring import open_ring
from gateway.protocol.forms import FramedTick
from market.bus import partition_of
from market.prices.symbols import parse_symbols
from market.wire.status import BatchLayout
from tests.fakes import tick

SYMBOLS = parse_symbols("AAA,BBB,CCC,DDD,coinbase:BTC-USD")
LAYOUT = BatchLayout(version=1, partitions=2)


class Link:
    """A gateway's subscription to batches, and the ring that they go to."""

    def __init__(self) -> None:
        self.ring = open_ring(1_000_000, {symbol: FramedTick(symbol, 1, tick(symbol)) for symbol in SYMBOLS})
        self.subject = Continuity(self.ring, SYMBOLS)
        self.subscribe()
        self.receive(("t", 5))

    def subscribe(self, layout: BatchLayout | None = LAYOUT) -> None:
        self.subject.subscribed({"binance": layout, "coinbase": layout})

    def receive(self, *batches: tuple[str, int], partition: int = 0) -> set[str]:
        """Take these batches; return the symbols of which something may be missing."""
        cut: set[str] = set()
        for term, number in batches:
            before = self.ring.newest_block
            self.subject.received(self.subject.stream("binance", partition, 2), term, number)
            if self.ring.newest_block is not before:
                cut |= {symbol for symbol in SYMBOLS if self.ring.newest_block.cuts(symbol)}
            self.ring.append(b"a batch")
        return cut


def of(partition: int) -> set[str]:
    """The symbols of a partition."""
    return {name for name in SYMBOLS if ":" not in name and partition_of(f"tick.{name}", 2) == partition}


def test_an_interruption_is_as_another_subscription() -> None:
    """After an interruption a new term does not prove that nothing of the last one is missing; the next number does."""
    link = Link()
    link.subject.interrupted()
    assert set() == link.receive(("t", 6))
    link.subject.interrupted()
    assert of(0) == link.receive(("u", 0))
    assert set() == link.receive(("u", 1))


def test_an_interruption_cuts_what_is_not_numbered() -> None:
    """Where the channels of symbols are read, an interruption may have cost something of each."""
    link = Link()
    link.subscribe(layout=None)
    before = link.ring.newest_block
    link.ring.append(b"a tick")
    link.subject.interrupted()
    assert link.ring.newest_block is not before
    assert link.ring.newest_block.cuts("AAA")


@pytest.mark.parametrize(
    "batches",
    [
        [("t", 6), ("t", 7)],
        [("t", 6), ("u", 0), ("u", 1)],
        [("t", 5), ("t", 6)],
        [("t", 3), ("t", 4), ("t", 5), ("t", 6)],
    ],
    ids=["the next numbers", "a new term", "again", "the last ones again"],
)
def test_nothing_is_missing_on_an_unbroken_link(batches: list[tuple[str, int]]) -> None:
    """Numbers that follow, a new term from its beginning, and batches that come twice cut nothing."""
    assert set() == Link().receive(*batches)


@pytest.mark.parametrize("batch", [("t", 7), ("u", 1)], ids=["a number", "the beginning of a term"])
def test_a_missing_number_cuts_its_own_partition(batch: tuple[str, int]) -> None:
    """If a number is missing, something may be missing of the symbols of that venue and partition, and of no other."""
    link = Link()
    assert of(0) == link.receive(batch)
    assert set() == link.receive((batch[0], batch[1] + 1))
    assert of(1) == link.receive(("t", 7), partition=1)


def test_after_a_lost_link_the_numbers_decide() -> None:
    """If the next number comes over a new link, nothing is missing. Any other one, or a new term, cuts."""
    link = Link()
    link.subscribe()
    assert set() == link.receive(("t", 6))
    link.subscribe()
    assert of(0) == link.receive(("t", 9))
    link.subscribe()
    assert of(0) == link.receive(("u", 0))


def test_the_channels_of_symbols_have_no_numbers() -> None:
    """Where symbols are read one by one, each new subscription may miss something."""
    link = Link()
    link.subscribe(None)
    assert set(SYMBOLS) == {symbol for symbol in SYMBOLS if link.ring.newest_block.cuts(symbol)}
    link.ring.append_single(b"a tick")
    link.subscribe()
    assert not link.ring.newest_block.is_cut or link.ring.newest_block.entries
    # These are other batches than before, as far as anybody knows.
    assert of(0) == link.receive(("t", 6))


def test_other_symbols() -> None:
    """A symbol that is served from now on is among those of its partition."""
    link = Link()
    link.subject.serve(parse_symbols("EEE,FFF,GGG,HHH"))
    link.ring.append(b"a batch")
    before = link.ring.newest_block
    link.subject.received(link.subject.stream("binance", 0, 2), "t", 100)
    assert link.ring.newest_block is not before
    expected = {name for name in ("EEE", "FFF", "GGG", "HHH") if partition_of(f"tick.{name}", 2) == 0}
    assert expected == {name for name in (*SYMBOLS, "EEE", "FFF", "GGG", "HHH") if link.ring.newest_block.cuts(name)}
