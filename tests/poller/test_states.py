"""The state of each symbol, and its publication."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from market.prices.instruments import Instrument
from market.wire.status import MAX_CHANGES, Changes, SymbolStatus
from poller.quality import QualityProblem
from poller.states import SymbolStates

TRADING = Instrument("trading")
HALTED = Instrument("halted", reason="BREAK")
GONE = Instrument("delisted", reason="gone")


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.us = 1_000

    def __call__(self) -> int:
        return self.us


def serving(*symbols: str, clock: Clock | None = None) -> SymbolStates:
    """The states of symbols that are traded, settled."""
    subject = SymbolStates(clock or Clock())
    for symbol in symbols:
        subject.listed(symbol, TRADING)
    subject.settle({}, up=True)
    subject.taken(subject.version)
    return subject


def published(subject: SymbolStates) -> dict[str, tuple[str, str]]:
    """State and reason of every symbol, as the full set has them."""
    whole = subject.whole()
    return dict.fromkeys(whole.live, ("live", "")) | {its.symbol: (its.state, its.reason) for its in whole.others}


def test_a_symbol_that_is_traded_is_live() -> None:
    """A traded, covered and usable symbol is live, without a reason."""
    subject = serving("A1", "B1")
    assert {"A1": ("live", ""), "B1": ("live", "")} == published(subject)
    assert {"live": 2, "stale": 0, "halted": 0, "delisted": 0, "unknown": 0} == subject.counts()


@pytest.mark.parametrize("instrument", [HALTED, GONE, Instrument("unknown", reason="never heard of")])
def test_what_the_exchange_lists_comes_first(instrument: Instrument) -> None:
    """A symbol that is not traded has the state of its listing, whatever arrives of it."""
    subject = serving("A1", "B1")
    subject.listed("A1", instrument)
    subject.uncovered("A1", "no stream")
    subject.settle({"A1": QualityProblem("nonsense", 7)}, up=True)
    assert (instrument.status, instrument.reason) == published(subject)["A1"]
    subject.listed("A1", TRADING)
    subject.covered("A1")
    subject.settle({}, up=True)
    assert ("live", "") == published(subject)["A1"]


def test_a_symbol_is_stale_while_nothing_usable_arrives() -> None:
    """An uncovered or unusable symbol is stale since then, with the reason; the quotes' own fault comes first."""
    clock = Clock()
    subject = serving("A1", "B1", "C1", clock=clock)
    clock.us = 2_000
    subject.uncovered("A1", "no stream")
    clock.us = 3_000
    subject.uncovered("A1", "no stream")
    subject.settle({"B1": QualityProblem("nonsense", 1_500)}, up=True)
    stale = {its.symbol: its for its in subject.whole().others}
    assert SymbolStatus(symbol="A1", state="stale", reason="no stream", since_us=2_000) == stale["A1"]
    assert SymbolStatus(symbol="B1", state="stale", reason="nonsense", since_us=1_500) == stale["B1"]
    subject.settle({"A1": QualityProblem("nonsense", 1_500), "B1": QualityProblem("other nonsense", 1_500)}, up=True)
    assert ("stale", "nonsense") == published(subject)["A1"]
    assert ("stale", "other nonsense") == published(subject)["B1"]
    subject.settle({}, up=True)
    assert ("live", "") == published(subject)["B1"]
    assert ("stale", "no stream") == published(subject)["A1"]


def test_the_first_reason_stays() -> None:
    """While a symbol is stale another reason is no news, and it is stale since the time that the source gives."""
    clock = Clock()
    clock.us = 10_000_000
    subject = serving("A1", "B1", clock=clock)
    subject.uncovered("A1", "its stream is down", 3.0)
    subject.settle({}, up=True)
    version = subject.version
    subject.uncovered("A1", "the answers have no price of it")
    subject.settle({}, up=True)
    assert version == subject.version
    [published] = subject.whole().others
    assert ("its stream is down", 7_000_000) == (published.reason, published.since_us)


def test_what_is_unusual_is_reported_of_a_live_symbol() -> None:
    """A symbol with a note is live, and the next report removes the note."""
    subject = serving("A1", "B1")
    subject.covered("A1", "by REST")
    subject.settle({}, up=True)
    assert ("live", "by REST") == published(subject)["A1"]
    subject.covered("A1")
    subject.settle({}, up=True)
    assert ("live", "") == published(subject)["A1"]


def test_one_outage_is_not_reported_symbol_by_symbol() -> None:
    """While the feed is down no symbol is reported stale, but a halt is; lasting faults follow when it is up."""
    subject = serving("A1", "B1", "C1")
    subject.uncovered("A1", "no stream")
    subject.settle({"B1": QualityProblem("nonsense", 7)}, up=False)
    subject.listed("C1", HALTED)
    subject.settle({"B1": QualityProblem("nonsense", 7)}, up=False)
    assert {"A1": ("live", ""), "B1": ("live", ""), "C1": ("halted", "BREAK")} == published(subject)
    subject.settle({}, up=True)
    assert {"A1": ("stale", "no stream"), "B1": ("live", ""), "C1": ("halted", "BREAK")} == published(subject)


def test_a_symbol_that_is_live_again_is_reported_though_the_feed_is_down() -> None:
    """A symbol that recovers during the outage does not stay stale for clients."""
    subject = serving("A1", "B1")
    subject.uncovered("A1", "no stream")
    subject.settle({}, up=True)
    subject.covered("A1")
    subject.settle({}, up=False)
    assert ("live", "") == published(subject)["A1"]


def test_nothing_usable_of_any_symbol_is_an_outage() -> None:
    """A fault of all traded symbols is the feed's, since the first one; a single symbol is only its own."""
    subject = serving("A1", "B1", "C1")
    subject.listed("C1", GONE)
    subject.uncovered("A1", "no stream")
    problems = {"B1": QualityProblem("nonsense", 7)}
    subject.settle(problems, up=True)
    assert QualityProblem("nonsense", 7) == subject.problem
    assert {"A1": ("live", ""), "B1": ("live", ""), "C1": ("delisted", "gone")} == published(subject)
    subject.settle({}, up=True)
    assert subject.problem is None
    assert ("stale", "no stream") == published(subject)["A1"]
    alone = serving("A1")
    alone.uncovered("A1", "no stream")
    alone.settle({}, up=True)
    assert alone.problem is None
    assert ("stale", "no stream") == published(alone)["A1"]


def test_changes_since_a_version() -> None:
    """A gateway with a version gets the changes since it, once; one without reads the full set."""
    subject = serving("A1", "B1")
    before = subject.version
    assert Changes(version=before, since=before) == subject.changes(None)
    assert Changes(version=before, since=before) == subject.changes(before)
    subject.listed("A1", HALTED)
    subject.settle({}, up=True)
    changes = subject.changes(before)
    assert (before, ["A1"]) == (changes.since, [its.symbol for its in changes.symbols])
    assert before < changes.version == subject.version
    subject.taken(changes.version)
    assert [] == subject.changes(changes.version).symbols


def test_many_changes_go_by_the_full_set() -> None:
    """Up to `MAX_CHANGES` changes are sent one by one; for more a heartbeat has only the version."""
    names = [f"S{number}" for number in range(MAX_CHANGES + 2)]
    subject = serving(*names)
    before = subject.version
    for symbol in names[:MAX_CHANGES]:
        subject.uncovered(symbol, "no stream")
    subject.settle({}, up=True)
    assert MAX_CHANGES == len(subject.changes(before).symbols)
    subject.uncovered(names[MAX_CHANGES], "no stream")
    subject.settle({}, up=True)
    changes = subject.changes(before)
    assert (changes.version, []) == (changes.since, changes.symbols)
    assert MAX_CHANGES + 1 == subject.counts()["stale"]


def test_a_symbol_that_is_not_served_any_more_is_gone_from_the_full_set() -> None:
    """Changes cannot remove a symbol, so a gateway with an older version reads the full set."""
    subject = serving("A1", "B1")
    before = subject.version
    subject.forget("A1")
    subject.forget("never served")
    assert {"B1": ("live", "")} == published(subject)
    changes = subject.changes(before)
    assert before < changes.version == changes.since


class Published(RuleBasedStateMachine):
    """After any events, a gateway that follows the changes, and the full set if needed, has the published states."""

    SYMBOLS = ("A1", "B1", "C1")

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.subject = SymbolStates(self.clock)
        self.unusable: dict[str, QualityProblem] = {}
        self.taken: int | None = None
        self.held_version = 0
        self.held: dict[str, tuple[str, str]] = {}

    @rule(symbol=st.sampled_from(SYMBOLS), its=st.sampled_from([TRADING, HALTED, GONE]))
    def list_symbol(self, symbol: str, its: Instrument) -> None:
        self.subject.listed(symbol, its)

    @rule(symbol=st.sampled_from(SYMBOLS))
    def forget(self, symbol: str) -> None:
        self.subject.forget(symbol)

    @rule(symbol=st.sampled_from(SYMBOLS), reason=st.sampled_from(["x", "y"]))
    def uncover(self, symbol: str, reason: str) -> None:
        self.subject.uncovered(symbol, reason)

    @rule(symbol=st.sampled_from(SYMBOLS), note=st.sampled_from(["", "by REST"]))
    def cover(self, symbol: str, note: str) -> None:
        self.subject.covered(symbol, note)

    @rule(symbols=st.sets(st.sampled_from(SYMBOLS)), up=st.booleans(), us=st.integers(0, 5))
    def settle(self, symbols: set[str], up: bool, us: int) -> None:
        self.clock.us += us
        self.subject.settle({symbol: QualityProblem("nonsense", 1) for symbol in symbols}, up=up)

    @rule(arrives=st.booleans(), confirmed=st.booleans())
    def heartbeat(self, arrives: bool, confirmed: bool) -> None:
        changes = self.subject.changes(self.taken)
        if arrives:
            if changes.version != self.held_version:
                if changes.since == self.held_version:
                    self.held.update((its.symbol, (its.state, its.reason)) for its in changes.symbols)
                else:
                    self.held = published(self.subject)
                self.held_version = changes.version
            assert published(self.subject) == self.held
        if confirmed:
            self.subject.taken(changes.version)
            self.taken = changes.version

    @invariant()
    def every_symbol_that_was_settled_is_told_once(self) -> None:
        whole = self.subject.whole()
        names = [*whole.live, *(its.symbol for its in whole.others)]
        assert len(names) == len(set(names))


TestPublished = Published.TestCase
TestPublished.settings = settings(max_examples=60, stateful_step_count=30)
