"""Backlogs of slow consumers, taken in slices."""

from collections import Counter
from typing import Any

from gateway.fanout.cohorts.member import Missed, Subscription
from gateway.fanout.cohorts.window import Window
from gateway.fanout.slow.backlog import Backlogs, SlowConsumer
from gateway.protocol.forms import FramedStatus, FramedTick
from gateway.protocol.json_encoding import JSON
from gateway.protocol.messages import SymbolStatus
from tests.fakes import tick

NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE")
ALL = frozenset(NAMES)
WANTS = (Subscription(ALL),)
ONE_TICK = len(JSON.tick_frame(FramedTick("AAA", 1, tick("AAA", 1))))


class Setup:
    """Backlogs, and the feed's last values."""

    def __init__(self) -> None:
        self.last: dict[str, FramedTick] = {}
        self.states: dict[str, FramedStatus] = {}
        self.published: Counter[str] = Counter()
        self.offset = 0
        self.wants: tuple[Subscription, ...] = WANTS
        self.backlogs = Backlogs(self.last, self.states, self.published)

    def publish(self, *symbols: str) -> None:
        for symbol in symbols:
            self.offset += 1
            self.published[symbol] += 1
            seq = self.published[symbol]
            self.last[symbol] = FramedTick(symbol, seq, tick(symbol, seq), self.offset)

    def change_states(self, symbol: str) -> None:
        self.offset += 1
        message = SymbolStatus(symbol=symbol, state="stale", reason="", since_us=0)
        self.states[symbol] = FramedStatus(message, self.offset)

    def begin(self, **missed: Any) -> SlowConsumer:
        """A consumer that lags from now on, with windows of two ticks."""
        return self.backlogs.begin(Missed(self.offset, **missed), ALL, Window(size=2 * ONE_TICK), 0.0)

    def take(self, consumer: SlowConsumer) -> tuple[int, list[str], list[str], list[str]]:
        """Ticks conflated; then symbols of ticks, of snapshots and of states in a slice."""
        consumer.look({subscription.max_hz for subscription in self.wants}, self.offset, 0.0)
        return self.take_due(consumer)

    def take_due(self, consumer: SlowConsumer) -> tuple[int, list[str], list[str], list[str]]:
        """The same of what is due in this round."""
        backlog = self.backlogs.of(consumer, self.wants)
        taken = self.backlogs.take(consumer, backlog, ALL, self.offset)
        plain = [one.topic for one in taken.ticks if one.topic not in taken.snapshots]
        snapshots = [one.topic for one in taken.ticks if one.topic in taken.snapshots]
        return taken.conflated, plain, snapshots, [one.topic for one in taken.states]


def test_those_that_wait_for_longest_come_first() -> None:
    """Each symbol has its turn, with its newest tick, although others change all the time."""
    setup = Setup()
    consumer = setup.begin()
    setup.publish(*NAMES)
    assert ["AAA", "BBB"] == setup.take(consumer)[1]
    setup.publish("AAA", "BBB", "AAA", "EEE")
    assert ["CCC", "DDD"] == setup.take(consumer)[1]
    setup.publish("CCC")
    assert ["EEE", "BBB"] == setup.take(consumer)[1]
    assert ["AAA", "CCC"] == setup.take(consumer)[1]
    assert [] == setup.backlogs.of(consumer, WANTS).order


def test_what_was_conflated_is_counted_once() -> None:
    """All slices together: every tick was sent, or counted as replaced by a newer one."""
    setup = Setup()
    consumer = setup.begin()
    sent = conflated = 0
    for turn in range(20):
        setup.publish(*NAMES[: turn % 6], "CCC", "CCC")
        replaced, plain, *_ = setup.take(consumer)
        sent, conflated = sent + len(plain), conflated + replaced
    while (backlog := setup.backlogs.of(consumer, WANTS)).order:
        replaced, plain, *_ = setup.take(consumer)
        sent, conflated = sent + len(plain), conflated + replaced
    assert 0 == setup.backlogs.conflated(consumer, backlog, ALL)
    assert setup.published.total() == sent + conflated
    assert 0 < conflated


def test_snapshots_that_do_not_fit_are_sent_later() -> None:
    """All requested snapshots come, although nothing is new."""
    setup = Setup()
    setup.publish(*NAMES)
    consumer = setup.begin(snapshots=set(NAMES))
    got: list[str] = []
    while consumer.snapshots:
        conflated, plain, snapshots, _ = setup.take(consumer)
        assert (0, []) == (conflated, plain)
        got += snapshots
    assert sorted(NAMES) == sorted(got)


def test_a_symbol_gives_its_tick_and_its_state_in_one_turn() -> None:
    """A state comes behind the ticks from before it, and takes its share of the window."""
    setup = Setup()
    consumer = setup.begin()
    setup.publish(*NAMES)
    setup.change_states("AAA")
    setup.change_states("EEE")
    assert (0, ["AAA"], [], ["AAA"]) == setup.take(consumer)
    assert (0, ["BBB", "CCC"], [], []) == setup.take(consumer)
    assert (0, ["DDD"], [], []) == setup.take(consumer)
    assert (0, ["EEE"], [], ["EEE"]) == setup.take(consumer)
    assert [] == setup.backlogs.of(consumer, WANTS).order


def test_states_that_do_not_fit_are_sent_later() -> None:
    """A state of each of many symbols comes in slices too, none twice."""
    setup = Setup()
    consumer = setup.begin()
    for symbol in NAMES:
        setup.change_states(symbol)
    assert 5 * len(JSON.status_frame(setup.states["AAA"])) == setup.backlogs.of(consumer, WANTS).size
    got: list[str] = []
    while consumer.states or not got:
        got += setup.take(consumer)[3]
    assert list(NAMES) == got


def test_snapshots_that_are_asked_for_again_and_again_starve_no_tick() -> None:
    """Each symbol has its turn for ticks, snapshots and states; a repeated request changes nothing."""
    setup = Setup()
    setup.publish(*NAMES)
    consumer = setup.begin()
    turns: list[str] = []
    for _ in range(10):
        setup.publish(*NAMES)
        for _ in range(10):
            consumer.ask_snapshots(NAMES[:4], setup.offset)
        _, plain, snapshots, _ = setup.take(consumer)
        turns += snapshots + plain
    assert min(map(turns.count, NAMES)) >= 3


def test_a_snapshot_of_a_symbol_that_waits_takes_its_place() -> None:
    """A request for a snapshot keeps the symbol's place in the queue, and is answered by a snapshot."""
    setup = Setup()
    consumer = setup.begin()
    setup.publish(*NAMES)
    consumer.ask_snapshots(["EEE", "BBB"], setup.offset)
    assert (0, ["AAA"], ["BBB"], []) == setup.take(consumer)
    assert (0, ["CCC", "DDD"], [], []) == setup.take(consumer)
    assert (0, [], ["EEE"], []) == setup.take(consumer)


def test_only_what_waited_at_the_beat_is_due_in_it() -> None:
    """Slices of one round bring each symbol once; snapshots and states come at no rate."""
    setup = Setup()
    setup.wants = (Subscription(ALL, max_hz=1.0),)
    consumer = setup.begin()
    setup.publish(*NAMES[:3])
    assert consumer.look({1.0}, setup.offset, 0.0)
    assert ["AAA", "BBB"] == setup.take_due(consumer)[1]
    setup.publish("AAA", "DDD", "EEE")
    assert not consumer.look({1.0}, setup.offset, 0.5)
    assert ["CCC"] == setup.take_due(consumer)[1]
    assert (0, [], [], []) == setup.take_due(consumer)
    consumer.ask_snapshots(["DDD"], setup.offset)
    setup.change_states("BBB")
    assert (0, [], ["DDD"], ["BBB"]) == setup.take_due(consumer)
    assert consumer.look({1.0}, setup.offset, 1.0)
    assert ["AAA", "EEE"] == setup.take_due(consumer)[1]


def test_each_rate_has_its_own_beats() -> None:
    """Topics without a rate are due at once, while others wait for their round; one queue has them all."""
    setup = Setup()
    setup.wants = (Subscription(frozenset(NAMES[:2]), max_hz=1.0), Subscription(frozenset(NAMES[2:])))
    consumer = setup.begin()
    rates = {1.0, None}
    setup.publish(*NAMES)
    assert consumer.look(rates, setup.offset, 0.0)
    assert ["AAA", "BBB"] == setup.take_due(consumer)[1]
    setup.publish("AAA", "EEE")
    assert consumer.look(rates, setup.offset, 0.5)
    assert {"AAA"} == setup.backlogs.of(consumer, setup.wants).later
    assert [["CCC", "DDD"], ["EEE"], []] == [setup.take_due(consumer)[1] for _ in range(3)]
    assert consumer.look(rates, setup.offset, 1.0)
    assert ["AAA"] == setup.take_due(consumer)[1]


def test_what_was_missed_of_several_sets_is_owed_by_name() -> None:
    """Each set owes the ticks that were not sent there, none twice; later ticks are owed by their offset."""
    setup = Setup()
    setup.publish(*NAMES)
    first, second = frozenset(NAMES[:2]), frozenset(NAMES[2:])
    setup.wants = (Subscription(first), Subscription(second, batch=True))
    # The first two ticks were not sent; of the second set all up to the third.
    unseen = [setup.last["DDD"], setup.last["EEE"]]
    consumer = setup.backlogs.begin(Missed(0, 2), first, Window(), 0.0, [(second, unseen)], setup.offset)
    assert {"AAA": 0, "BBB": 0, "DDD": 4, "EEE": 5} == consumer.ticks
    setup.publish("CCC", "EEE")
    replaced, plain, *_ = setup.take(consumer)
    assert (1, {"AAA", "BBB", "CCC", "DDD", "EEE"}) == (replaced, set(plain))
