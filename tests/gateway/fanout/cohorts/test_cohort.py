"""One cohort: its writes, and its members that fall behind."""

import itertools
from typing import Any

import pytest

from gateway.fanout.cohorts.cohort import Cohort
from gateway.fanout.cohorts.member import Member, Missed, Share, Subscription
from gateway.fanout.cohorts.window import Marks, Reader, UnansweredPing
from gateway.metrics.counters import Counters
from gateway.protocol.forms import Forms, FramedStatus, FramedTick
from gateway.protocol.messages import SymbolStatus
from tests.fakes import NoGroup, RecordingMember, tick


class Setup:
    """A cohort whose collaborators record everything."""

    def __init__(self, **subscription: Any) -> None:
        self.counters = Counters()
        self.now = 0.0
        self.numbers = itertools.count(1)
        self.unanswered: dict[Reader, UnansweredPing] = {}
        self.lagging: list[tuple[Member, Missed]] = []
        self.cohort = Cohort(
            Subscription(frozenset({"BTC", "ETH"}), **subscription),
            NoGroup(),
            self.fall_behind,
            self.counters,
            marks=Marks(self.numbers.__next__, self.unanswered, 0.0),
            clock=lambda: self.now,
        )
        self.offset = 0

    def fall_behind(self, cohort: Cohort, member: Member, missed: Missed, mark: int | None) -> None:
        cohort.set_aside(member, mark)
        self.lagging.append((member, missed))

    def member(self, *, pending: bool = False) -> RecordingMember:
        member = RecordingMember()
        if pending:
            self.cohort.join_later(member, self.offset, pending=True)
        else:
            self.cohort.join(member)
        return member

    def tick(self, symbol: str, seq: int) -> FramedTick:
        self.offset += 1
        framed = FramedTick(symbol, seq, tick(symbol, seq))
        framed.offset = self.offset
        return framed

    def flush(self, *ticks: FramedTick) -> None:
        self.cohort.flush_newest(Forms({tick.topic: tick for tick in ticks}), ticks[0].offset - 1)


def got(member: RecordingMember) -> list[tuple[str, int]]:
    """List symbol and number of what a member was sent, sorted."""
    return sorted((message["symbol"], message["seq"]) for message in member.messages())


def test_only_what_is_held_is_written_and_once_for_all() -> None:
    """Members get the ticks of their own symbols from a window, as one blob."""
    setup = Setup()
    one, other = setup.member(), setup.member()
    setup.flush(setup.tick("BTC", 1), setup.tick("XRP", 1), setup.tick("ETH", 1), setup.tick("SOL", 1))
    setup.flush(setup.tick("BTC", 2))
    setup.flush(setup.tick("SOL", 2))
    assert [("BTC", 1), ("BTC", 2), ("ETH", 1)] == got(one) == got(other)
    assert 2 == len(one.written)
    assert one.written[0] is other.written[0]
    assert 6 == setup.counters.ticks_sent


def test_a_newcomer_gets_only_what_came_after_it() -> None:
    """A newcomer gets only ticks that came after it."""
    setup = Setup()
    before = setup.tick("BTC", 1)
    newcomer = setup.member(pending=True)
    setup.flush(before, setup.tick("ETH", 1))
    setup.flush(setup.tick("BTC", 2))
    assert [("BTC", 2), ("ETH", 1)] == got(newcomer)


def test_many_newcomers_are_not_compressed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few newcomers get their own compressed ticks; many get them uncompressed, to save time."""
    monkeypatch.setattr("gateway.protocol.encoding.LEAST_BYTES", 0)
    for crowd, compressed in ((4, True), (5, False)):
        setup = Setup(batch=True, deflate=True)
        before = setup.tick("BTC", 1)
        newcomers = [setup.member(pending=True) for _ in range(crowd)]
        setup.flush(before, setup.tick("ETH", 1))
        for newcomer in newcomers:
            [blob] = newcomer.written
            # RSV1 says that it is compressed (RFC 7692, section 6).
            assert compressed == bool(blob[0] & 0x40)
            if not compressed:
                [message] = newcomer.messages()
                assert [("ETH", 1)] == [(one["symbol"], one["seq"]) for one in message["ticks"]]


def test_each_is_in_one_place_and_has_seen_what_is_sent_there() -> None:
    """A newcomer has seen everything up to its join, a member every flush; a slow one is sent nothing."""
    setup = Setup()
    old = setup.member()
    setup.tick("BTC", 1)
    new = setup.member(pending=True)
    assert (0, 1) == (setup.cohort.seen_by(old, 0), setup.cohort.seen_by(new, 0))
    setup.cohort.set_aside(old)
    assert ([old], [new], []) == (list(setup.cohort.slow), list(setup.cohort.newcomers), list(setup.cohort.members))
    for member in (old, new):
        assert member in setup.cohort
        setup.cohort.leave(member)
    assert (0, False) == (len(setup.cohort), old in setup.cohort)


def test_who_does_not_drain_is_handed_over() -> None:
    """A member that does not drain has missed the flush, and is written nothing from then on."""
    setup = Setup()
    slow, fast = setup.member(), setup.member()
    setup.flush(setup.tick("BTC", 1))
    slow.draining = False
    setup.flush(setup.tick("BTC", 2), setup.tick("ETH", 1))
    setup.flush(setup.tick("BTC", 3))
    assert [(slow, Missed(1, 2))] == setup.lagging
    assert [("BTC", 1), ("BTC", 2), ("BTC", 3), ("ETH", 1)] == got(fast)
    assert 2 == len(setup.cohort)
    assert 5 == setup.counters.ticks_sent


def test_without_conflation_every_tick_is_queued_in_order() -> None:
    """Without conflation every tick is written in order, also to members that do not drain."""
    setup = Setup(rule="every")
    member = setup.member()
    member.draining = False
    ticks = [setup.tick("BTC", 1), setup.tick("SOL", 1), setup.tick("BTC", 2), setup.tick("ETH", 1)]
    setup.cohort.flush_every(ticks, 0)
    assert [("BTC", 1), ("BTC", 2), ("ETH", 1)] == [(one["symbol"], one["seq"]) for one in member.messages()]
    assert [] == setup.lagging


def test_a_batch_is_one_message() -> None:
    """A flush is one ``ticks`` message in a batch."""
    setup = Setup(batch=True)
    member = setup.member()
    setup.flush(setup.tick("BTC", 1), setup.tick("ETH", 1))
    [message] = member.messages()
    assert {"BTC", "ETH"} == {one["symbol"] for one in message["ticks"]}


def framed_status(symbol: str) -> FramedStatus:
    """Make a state of a symbol, ready to be sent."""
    return FramedStatus(SymbolStatus(symbol=symbol, state="halted", reason="", since_us=1))


def test_states_go_to_members_and_newcomers_as_one_blob() -> None:
    """Members and newcomers get the states of their symbols as one blob; newcomers are members afterwards."""
    setup = Setup(batch=True)
    member, newcomer = setup.member(), setup.member(pending=True)
    changed = {symbol: framed_status(symbol) for symbol in ("BTC", "XRP", "ETH", "SOL")}
    assert setup.cohort.owe_states(changed)
    setup.cohort.publish_states(0)
    assert not setup.cohort.owe_states({"SOL": changed["SOL"]})
    assert ["BTC", "ETH"] == sorted(message["symbol"] for message in member.messages())
    assert member.written[0] is newcomer.written[0]
    assert 4 == setup.counters.states_sent
    assert newcomer in setup.cohort.members


def test_who_does_not_drain_for_a_state_is_owed_it() -> None:
    """A member that does not drain for a state is owed it."""
    setup = Setup()
    slow, slower = setup.member(), setup.member()
    slow.draining = slower.draining = False
    setup.cohort.send(slower, Share(states=[framed_status("ETH")]), 7)
    status = framed_status("BTC")
    status.offset = 8
    setup.cohort.owe_states({"BTC": status})
    setup.cohort.publish_states(7)
    assert [(slower, Missed(7, states={"ETH"})), (slow, Missed(7))] == setup.lagging
    assert [] == slow.written + slower.written
