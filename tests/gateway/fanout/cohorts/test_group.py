"""The pending ticks of a group, and the cohorts that a flush writes to."""

from msgspec import UNSET, UnsetType

from gateway.fanout.cohorts.cohort import Cohort
from gateway.fanout.cohorts.group import Cohorts, ConflatingGroup, ExactGroup, NewsGroup
from gateway.fanout.cohorts.member import Rule, Subscription
from gateway.fanout.cohorts.window import Marks
from gateway.fanout.pacing.flush_scheduler import Flushable
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick
from market.prices.tick import Tick
from tests.fakes import NoGroup, RecordingMember, tick


class ManualFlushScheduler:
    """A scheduler that flushes only when the test does."""

    def __init__(self, *, resting: bool) -> None:
        self.resting = resting
        self.wanted = 0

    def want(self, _flushable: Flushable) -> None:
        self.wanted += 1


def cohort(*symbols: str, rule: Rule = "latest") -> tuple[Cohort, RecordingMember]:
    """Make a cohort with one member."""
    marks = Marks(lambda: 1, {}, 0.0)
    subscription = Subscription(frozenset(symbols), rule=rule)
    made = Cohort(subscription, NoGroup(), lambda *_: None, Counters(), marks=marks, clock=lambda: 0.0)
    member = RecordingMember()
    made.join(member)
    return made, member


def framed(symbol: str, seq: int) -> FramedTick:
    """Make a tick, stamped with its number."""
    one = FramedTick(symbol, seq, tick(symbol, seq))
    one.offset = seq
    return one


def seqs(member: RecordingMember) -> list[int]:
    """List the numbers of what a member was sent, in order."""
    return [message["seq"] for message in member.messages()]


def test_it_asks_to_be_flushed_once() -> None:
    """Only the first tick after a flush wakes the scheduler."""
    scheduler = ManualFlushScheduler(resting=True)
    group = ConflatingGroup(scheduler, Counters())
    group.offer(framed("BTC", 1))
    group.offer(framed("ETH", 2))
    assert 1 == scheduler.wanted
    group.flush()
    group.offer(framed("BTC", 3))
    assert 2 == scheduler.wanted


def test_while_resting_the_newest_takes_the_place_and_otherwise_it_follows() -> None:
    """Conflation is counted, and happens only while the scheduler rests."""
    for resting, expected in ((True, [3]), (False, [1, 2, 3])):
        counters = Counters()
        group = ConflatingGroup(ManualFlushScheduler(resting=resting), counters)
        one, member = cohort("BTC")
        group.cohorts.add(one)
        for seq in (1, 2, 3):
            group.offer(framed("BTC", seq))
        group.flush()
        assert expected == seqs(member)
        assert 3 - len(expected) == counters.ticks_conflated


def number_of(its: Tick) -> int | None:
    """The exchange's number of a quote."""
    return None if isinstance(its.update_id, UnsetType) else its.update_id


def test_a_group_for_news_keeps_only_ticks_that_say_something_else() -> None:
    """As quotes by their number. One that says nothing is left out, and then the same quote counts again."""
    scheduler = ManualFlushScheduler(resting=False)
    group = NewsGroup(scheduler, Counters(), number_of)
    one, member = cohort("BTC")
    group.cohorts.add(one)
    for seq, number in enumerate((7, 7, 8, UNSET, 8, 7), start=1):
        its = FramedTick("BTC", seq, tick("BTC", seq, update_id=number))
        its.offset = seq
        group.offer(its)
    group.flush()
    assert [1, 3, 5, 6] == seqs(member)


def test_news_of_each_topic_are_their_own() -> None:
    """Two symbols may have the same."""
    group = NewsGroup(ManualFlushScheduler(resting=True), Counters(), number_of)
    for symbol in ("BTC", "ETH"):
        group.offer(FramedTick(symbol, 1, tick(symbol, 1, update_id=7)))
    assert {"BTC", "ETH"} == {its.topic for its in group.pending}


def quoted(seq: int, number: int) -> FramedTick:
    """A tick with the exchange's number of its quote."""
    its = FramedTick("BTC", seq, tick("BTC", seq, update_id=number))
    its.offset = seq
    return its


def test_what_was_offered_before_a_topic_is_held_again_is_known_to_nobody() -> None:
    """A snapshot told something else meanwhile; the same as long ago is news."""
    group = NewsGroup(ManualFlushScheduler(resting=False), Counters(), number_of)
    group.offer(quoted(1, 7))
    group.flush()
    group.begin(["BTC"])
    group.told([quoted(2, 8)])
    group.offer(quoted(3, 7))
    assert [3] == [its.seq for its in group.pending]


def test_what_a_snapshot_said_is_no_news() -> None:
    """Unless somebody got none."""
    for others, expected in (([], [3]), (["BTC"], [2, 3])):
        group = NewsGroup(ManualFlushScheduler(resting=False), Counters(), number_of)
        one, member = cohort("BTC")
        group.begin(group.cohorts.add(one))
        group.expect(others)
        group.told([quoted(1, 7)])
        for its in (quoted(2, 7), quoted(3, 8)):
            group.offer(its)
        group.flush()
        assert expected == seqs(member)


def test_an_exact_group_keeps_everything_in_order() -> None:
    """In an exact group no tick replaces another."""
    group = ExactGroup(ManualFlushScheduler(resting=True))
    one, member = cohort("BTC", rule="every")
    group.cohorts.add(one)
    for seq in (1, 2, 3):
        group.offer(framed("BTC", seq))
    assert [1, 2, 3] == [pending.seq for pending in group.pending]
    group.flush()
    assert [1, 2, 3] == seqs(member)
    assert not group.pending


def test_every_holder_is_found_and_each_once() -> None:
    """For few or many overlapping cohorts, each that holds one of the symbols is flushed once."""
    cohorts = Cohorts()
    made = [cohort(f"S{first}", f"S{second}")[0] for first in range(8) for second in range(first)]
    for one in made:
        cohorts.add(one)
    for count in range(1, 9):
        wanted = {f"S{number}" for number in range(count)}
        found = list(cohorts.holding(wanted))
        assert len(found) == len(set(found))
        assert {one for one in made if one.subscription.topics & wanted} <= set(found)
    for one in made:
        cohorts.remove(one)
    assert (0, 0) == (len(cohorts.all), len(cohorts.by_topic))


def test_what_a_cohort_is_still_to_be_sent_is_of_the_flush_that_goes_on_until_that_has_come_to_it() -> None:
    """Cohorts behind the present one still get the flush; earlier ones, or after the flush, get the pending ticks."""
    group = ConflatingGroup(ManualFlushScheduler(resting=False), Counters())
    made = [cohort("BTC", other) for other in ("ETH", "SOL", "XRP", "ADA")]
    looks: list[list[list[int]]] = []

    class Looking(RecordingMember):
        at: Cohort

        def send(self, blob: bytes) -> bool:
            looks.append([[tick.seq for tick in group.unsent(one, self.at)] for one, _ in made if one is not self.at])
            return super().send(blob)

    for one, _ in made:
        group.cohorts.add(one)
        looking = Looking()
        looking.at = one
        one.join(looking)
    group.offer(framed("BTC", 1))
    assert [[1]] * 4 == [[tick.seq for tick in group.unsent(one, made[0][0])] for one, _ in made]
    group.flush()
    # The order is the group's own: three are to come after the first, then two, then one.
    assert [3, 2, 1, 0] == [look.count([1]) for look in looks]
    assert [[]] * 4 == [list(group.unsent(one, made[0][0])) for one, _ in made]
