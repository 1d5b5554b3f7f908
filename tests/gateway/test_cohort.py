"""One cohort: what is pending for its members, and what each has seen of it."""

from gateway.cohort import Backlog, Cohort, Member, Wishes
from gateway.frames import FramedTick
from gateway.metrics import Counters
from gateway.pace import Flushable
from tests.fakes import RecordingMember, decoded, tick


class ManualPace:
    """Flushes only when the test does."""

    def __init__(self, resting: bool = True) -> None:
        self.resting = resting
        self.wanted = 0

    def want(self, _cohort: Flushable) -> None:
        self.wanted += 1


class Setup:
    def __init__(self, *, resting: bool = True, **wishes: object) -> None:
        self.pace = ManualPace(resting)
        self.counters = Counters()
        self.lagging: list[tuple[Member, Backlog]] = []
        self.cohort = Cohort(
            Wishes(frozenset({"BTC", "ETH"}), **wishes),
            self.pace,
            lambda member, backlog: self.lagging.append((member, backlog)),
            self.counters,
            stamp=0,
        )
        self._stamp = 0

    def member(self) -> RecordingMember:
        member = RecordingMember()
        self.cohort.join(member)
        return member

    def offer(self, symbol: str, seq: int) -> None:
        self._stamp += 1
        framed = FramedTick(tick(symbol, seq))
        framed.stamp = self._stamp
        self.cohort.offer(framed)


def test_it_asks_to_be_flushed_once() -> None:
    """Only the first tick after a flush wakes the pace."""
    setup = Setup()
    setup.member()
    setup.offer("BTC", 1)
    setup.offer("ETH", 1)
    assert 1 == setup.pace.wanted
    setup.cohort.flush()
    setup.offer("BTC", 2)
    assert 2 == setup.pace.wanted


def test_a_newer_tick_takes_the_older_ones_place_while_resting() -> None:
    """Conflation keeps the newest of each symbol, counts what it replaced, and writes once."""
    setup = Setup(resting=True)
    member = setup.member()
    for seq in (1, 2, 3):
        setup.offer("BTC", seq)
    setup.cohort.flush()
    assert [3] == [message["seq"] for message in member.messages()]
    assert (2, 1) == (setup.counters.ticks_conflated, setup.counters.ticks_sent)
    assert 1 == len(member.written)


def test_what_was_pending_is_handed_over_when_a_member_leaves() -> None:
    """A member is owed all that is pending, a newcomer only what came after it joined."""
    setup = Setup()
    old = setup.member()
    setup.offer("BTC", 1)
    new = setup.member()
    setup.offer("ETH", 1)
    assert [("BTC", 1), ("ETH", 1)] == [(one.symbol, one.seq) for one in setup.cohort.leave(old)]
    assert [("ETH", 1)] == [(one.symbol, one.seq) for one in setup.cohort.leave(new)]
    assert 0 == len(setup.cohort)


def test_who_does_not_drain_leaves_the_members_with_a_backlog() -> None:
    """It is owed what came after the last flush that it got, and costs nothing from then on."""
    setup = Setup()
    slow, fast = setup.member(), setup.member()
    setup.offer("BTC", 1)
    setup.cohort.flush()
    slow.draining = False
    setup.offer("BTC", 2)
    setup.cohort.flush()
    setup.offer("BTC", 3)
    setup.cohort.flush()
    [(member, backlog)] = setup.lagging
    assert slow is member
    assert (1, 1) == (backlog.stamp, backlog.offered)
    assert [1, 2, 3] == [message["seq"] for message in fast.messages()]
    assert 2 == len(setup.cohort)
    assert 4 == setup.counters.ticks_sent


def test_a_batch_is_one_message() -> None:
    """All that is pending goes out as one ``ticks`` message."""
    setup = Setup(batch=True)
    member = setup.member()
    setup.offer("BTC", 1)
    setup.offer("ETH", 1)
    setup.cohort.flush()
    [message] = decoded(member.written[0])
    assert ["BTC", "ETH"] == [one["symbol"] for one in message["ticks"]]
