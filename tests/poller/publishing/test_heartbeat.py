"""The content of heartbeats, and when the next is due."""

import pytest
from msgspec import UNSET, structs

from market.prices.instruments import Instrument
from market.wire.status import Changes, Heartbeat
from poller.publishing.heartbeat import WHOLE_AFTER, HeartbeatSchedule
from poller.source import LinkState
from poller.states import SymbolStates

UP = LinkState("simulated", "up", "", 5)


def test_grid() -> None:
    """Heartbeats keep to the grid of seconds though each is a little late, and start a new one after a long silence."""
    subject = HeartbeatSchedule(lambda: UP, SymbolStates(lambda: 1), lambda: 1)
    subject.due_at = 10.0
    subject.sent(subject.heartbeat(), 10.3)
    for due_at, sent_at in ((11.0, 11.9), (12.0, 20.5), (21.5, 21.5), (22.5, 22.5)):
        assert (False, True) == (subject.due(due_at - 0.01), subject.due(due_at))
        subject.sent(subject.heartbeat(), sent_at)


def test_changed_link() -> None:
    """When the link or the source has changed, a heartbeat is due at once, and the grid stays."""
    states = [UP]
    subject = HeartbeatSchedule(lambda: states[-1], SymbolStates(lambda: 1), lambda: 1)
    subject.sent(subject.heartbeat(), 0.0)
    for state in (LinkState("simulated", "down", "", 5), LinkState("replay", "down", "", 5)):
        assert not subject.due(0.5)
        states.append(state)
        assert subject.due(0.5)
        subject.sent(subject.heartbeat(), 0.5)
        assert 1.0 == subject.due_at


def test_told_down() -> None:
    """It is known whether the last heartbeat said that the link is down."""
    states = [UP]
    subject = HeartbeatSchedule(lambda: states[-1], SymbolStates(lambda: 1), lambda: 1)
    told = [subject.reported_down]
    for link in ("up", "down", "up"):
        states.append(LinkState("simulated", link, "", 5))
        subject.sent(subject.heartbeat(), 0.5)
        told.append(subject.reported_down)
    assert [False, False, True, False] == told


def test_changed_reason() -> None:
    """A reason alone waits for the next second."""
    states = [UP]
    subject = HeartbeatSchedule(lambda: states[-1], SymbolStates(lambda: 1), lambda: 1)
    subject.sent(subject.heartbeat(), 0.0)
    states.append(LinkState("simulated", "up", "because", 5))
    assert not subject.due(0.5)


@pytest.mark.parametrize("reason", ["because", "x" * 300])
def test_heartbeat(reason: str) -> None:
    """A heartbeat carries the state, its reason cut to what a heartbeat may hold."""
    states = SymbolStates(lambda: 4)
    states.listed("BTCUSDT", Instrument("trading"))
    subject = HeartbeatSchedule(lambda: LinkState("binance-ws", "down", reason, 5), states, lambda: 7)
    whole = Changes(version=4, since=4)
    expected = Heartbeat(source="binance-ws", link="down", reason=reason[:200], since_us=5, sent_us=7, states=whole)
    assert structs.replace(expected, channels=("stats",)) == subject.heartbeat()


def test_a_link_that_changes_is_looked_for_between_heartbeats() -> None:
    """A link that ends wakes nobody; four checks a second find it."""
    subject = HeartbeatSchedule(lambda: UP, SymbolStates(lambda: 4), lambda: 7)
    subject.due_at = 10.0
    assert [9.25, 10.0] == [subject.look_at(9.0), subject.look_at(9.9)]


def test_final_heartbeat() -> None:
    """The last heartbeat says that no more will come, from now on."""
    its = HeartbeatSchedule(lambda: UP, SymbolStates(lambda: 4), lambda: 7).final_heartbeat()
    assert ("simulated", "down", "the poller was stopped", 7, 7) == (
        its.source, its.link, its.reason, its.since_us, its.sent_us
    )  # fmt: skip


def test_states_go_with_the_heartbeats() -> None:
    """A changed state is due at once; the heartbeat has the change, with the full set until the bus has both."""
    states = SymbolStates(lambda: 4)
    subject = HeartbeatSchedule(lambda: UP, states, lambda: 7)
    states.listed("BTCUSDT", Instrument("trading"))
    states.settle({}, up=True)
    subject.sent(subject.heartbeat(), 0.0)
    assert (False, None) == (subject.due(0.5), subject.states())
    before = states.version
    states.listed("BTCUSDT", Instrument("halted", reason="BREAK"))
    states.settle({}, up=True)
    assert subject.due(0.5)
    for _ in range(2):
        heartbeat, whole = subject.heartbeat(), subject.states()
        assert isinstance(heartbeat.states, Changes)
        assert (before, ["halted"]) == (heartbeat.states.since, [its.state for its in heartbeat.states.symbols])
        assert whole == states.whole()
    subject.sent(heartbeat, 0.5)
    assert (False, None) == (subject.due(0.5), subject.states())
    # A bus that may have forgotten everything.
    subject.begin()
    heartbeat = subject.heartbeat()
    assert isinstance(heartbeat.states, Changes)
    assert (states.version, states.version) == (heartbeat.states.since, heartbeat.states.version)
    assert subject.states() == states.whole()


def test_all_states_are_given_again_now_and_then() -> None:
    """The full set is repeated, as others may have overwritten it; gateways that have it get no change."""
    known = SymbolStates(lambda: 1)
    subject = HeartbeatSchedule(lambda: UP, known, lambda: 1)
    known.listed("A1", Instrument("trading"))
    given = []
    for second in range(2 * WHOLE_AFTER + 3):
        heartbeat = subject.heartbeat()
        if subject.states() is not None:
            given.append(second)
        subject.sent(heartbeat, float(second))
        assert 1.0 + second == subject.due_at
        assert not subject.due(second + 0.5)
        if second:
            assert Changes(version=known.version, since=known.version) == heartbeat.states
    assert [0, WHOLE_AFTER + 1, 2 * WHOLE_AFTER + 2] == given


def test_before_anything_is_known_of_the_symbols_nothing_is_reported_of_them() -> None:
    """A poller that waits for the listing reports only the feed, once a second."""
    states = SymbolStates(lambda: 4)
    subject = HeartbeatSchedule(lambda: UP, states, lambda: 7)
    heartbeat = subject.heartbeat()
    assert (UNSET, None) == (heartbeat.states, subject.states())
    subject.sent(heartbeat, 0.0)
    assert not subject.due(0.5)
    states.listed("BTCUSDT", Instrument("trading"))
    states.settle({}, up=False)
    assert subject.due(0.5)
    assert ["BTCUSDT"] == states.whole().live
    assert states.whole() == subject.states()


def test_a_heartbeat_names_its_venue() -> None:
    """A heartbeat names its venue."""
    assert "binance" == HeartbeatSchedule(lambda: UP, SymbolStates(lambda: 4), lambda: 7).heartbeat().venue
    other = HeartbeatSchedule(lambda: UP, SymbolStates(lambda: 4), lambda: 7, "coinbase")
    assert {"coinbase"} == {other.heartbeat().venue, other.final_heartbeat().venue}
