"""What a laggard is owed, and how it is taken in slices."""

from collections import Counter
from typing import Any

from gateway.arrears import Arrears, Backlog
from gateway.cohort import Missed
from gateway.forms import FramedStatus, FramedTick
from gateway.json_encoding import JSON
from gateway.protocol import SymbolStatus
from gateway.window import Window
from market.codec import encode_tick
from tests.fakes import tick

NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE")
ALL = frozenset(NAMES)
ONE_TICK = len(encode_tick(tick("AAA", 1)))


class Setup:
    """Arrears, and what the feed holds for them."""

    def __init__(self) -> None:
        self.last: dict[str, FramedTick] = {}
        self.states: dict[str, FramedStatus] = {}
        self.published: Counter[str] = Counter()
        self.stamp = 0
        self.arrears = Arrears(self.last, self.states, self.published)

    def publish(self, *symbols: str) -> None:
        for symbol in symbols:
            self.stamp += 1
            self.published[symbol] += 1
            seq = self.published[symbol]
            self.last[symbol] = FramedTick(symbol, seq, tick(symbol, seq), self.stamp)

    def tell(self, symbol: str) -> None:
        self.stamp += 1
        message = SymbolStatus(symbol=symbol, state="stale", reason="", since_us=0)
        self.states[symbol] = FramedStatus(message, self.stamp)

    def begin(self, **missed: Any) -> Backlog:
        """One that lags from now on, with windows of two ticks."""
        return self.arrears.begin(Missed(self.stamp, **missed), ALL, Window(size=2 * ONE_TICK), 0.0)

    def take(self, backlog: Backlog) -> tuple[int, list[str], list[str], list[str]]:
        """Ticks conflated; then symbols of ticks, of snapshots and of states in a slice."""
        owed = self.arrears.owed(backlog, ALL)
        taken = self.arrears.take(backlog, owed, ALL, self.stamp, JSON.tick_body)
        plain = [one.symbol for one in taken.ticks if one.symbol not in taken.snapshots]
        snapshots = [one.symbol for one in taken.ticks if one.symbol in taken.snapshots]
        return taken.conflated, plain, snapshots, [one.message.symbol for one in taken.states]


def test_those_that_wait_for_longest_come_first() -> None:
    """However often the others move in between, each symbol has its turn, with its newest tick."""
    setup = Setup()
    backlog = setup.begin()
    setup.publish(*NAMES)
    assert ["AAA", "BBB"] == setup.take(backlog)[1]
    setup.publish("AAA", "BBB", "AAA", "EEE")
    assert ["CCC", "DDD"] == setup.take(backlog)[1]
    setup.publish("CCC")
    assert ["EEE", "BBB"] == setup.take(backlog)[1]
    assert ["AAA", "CCC"] == setup.take(backlog)[1]
    assert [] == setup.arrears.owed(backlog, ALL).missed


def test_what_was_conflated_is_counted_once() -> None:
    """All slices together: every tick was sent, or counted as replaced by a newer one."""
    setup = Setup()
    backlog = setup.begin()
    sent = conflated = 0
    for turn in range(20):
        setup.publish(*NAMES[: turn % 6], "CCC", "CCC")
        replaced, plain, *_ = setup.take(backlog)
        sent, conflated = sent + len(plain), conflated + replaced
    while (owed := setup.arrears.owed(backlog, ALL)).missed:
        replaced, plain, *_ = setup.take(backlog)
        sent, conflated = sent + len(plain), conflated + replaced
    assert 0 == setup.arrears.conflated(backlog, owed, ALL)
    assert setup.published.total() == sent + conflated
    assert 0 < conflated


def test_snapshots_that_do_not_fit_are_sent_later() -> None:
    """All that was asked for comes, each as a snapshot, though nothing is new."""
    setup = Setup()
    setup.publish(*NAMES)
    backlog = setup.begin(snapshots=set(NAMES))
    got: list[str] = []
    while backlog.snapshots:
        conflated, plain, snapshots, _ = setup.take(backlog)
        assert (0, []) == (conflated, plain)
        got += snapshots
    assert sorted(NAMES) == sorted(got)


def test_a_state_comes_behind_the_ticks_before_it() -> None:
    """A state whose symbol is still owed a tick waits for the slice with that tick."""
    setup = Setup()
    backlog = setup.begin()
    setup.publish(*NAMES)
    setup.tell("AAA")
    setup.tell("EEE")
    assert (0, ["AAA", "BBB"], [], ["AAA"]) == setup.take(backlog)
    assert (0, ["CCC", "DDD"], [], []) == setup.take(backlog)
    assert (0, ["EEE"], [], ["EEE"]) == setup.take(backlog)
    assert [] == setup.arrears.owed(backlog, ALL).states


def test_states_that_do_not_fit_are_sent_later() -> None:
    """A state of each of many symbols comes in slices too, none twice."""
    setup = Setup()
    backlog = setup.begin()
    for symbol in NAMES:
        setup.tell(symbol)
    got: list[str] = []
    while backlog.states or not got:
        got += setup.take(backlog)[3]
    assert sorted(NAMES) == sorted(got)
