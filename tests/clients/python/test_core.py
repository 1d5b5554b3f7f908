"""The client without I/O, message by message."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.websocket.close_codes import CloseReason
from tests.clients.python.talks import Talk, price
from tickgate_client.errors import RefusedError
from tickgate_client.events import Connected, Disconnected, Stats
from tickgate_client.tick import Tick


def test_a_connection_is_made_again_after_any_end() -> None:
    """The caller is told why it ended, and when the next one is tried."""
    talk = Talk(jitter=1.0)
    talk.open()
    talk.end(1011, "a fault")
    assert [Connected("a"), Disconnected("a fault (1011)", 1011, 0.5)] == talk.events()
    talk.go(0.4)
    assert 1 == talk.dials
    talk.go(0.2)
    assert 2 == talk.dials


def test_a_refused_connection_is_tried_again() -> None:
    """Nobody listens, or the gateway is full: it says how long to wait at least."""
    talk = Talk(jitter=1.0)
    talk.core.refused("503", talk.now, code=503, after_s=7)
    talk.go(7.4)
    assert 1 == talk.dials
    talk.go(0.2)
    assert 2 == talk.dials


def test_a_fault_of_the_program_is_the_end() -> None:
    """The same again would end the same; the error says what it was."""
    talk = Talk()
    talk.open()
    talk.end(1009, "the message is too long")
    talk.go(600)
    assert 1 == talk.dials
    assert isinstance(talk.core.ended, RefusedError)
    assert "the message is too long" in str(talk.core.ended)


@pytest.mark.parametrize("renewable", [False, True])
@pytest.mark.parametrize("reason", CloseReason)
def test_it_obeys_every_close_code_of_the_gateway(reason: CloseReason, renewable: bool) -> None:
    """It comes again or not, as the gateway means; a code that bars a token only is no end for who has another."""
    talk = Talk(credentials="renewable" if renewable else "fixed")
    talk.open()
    talk.end(reason.code, reason.reason)
    talk.go(600)
    again = reason.value.reconnect != "never" or (renewable and reason.code in {4401, 4403})
    assert (again, again) == (talk.dials > 1, talk.core.ended is None)


def test_a_wrong_address_is_the_end_at_the_start_and_not_later() -> None:
    """A front that answers 404 while it is set up anew must not end a program that has run for days."""
    talk = Talk()
    talk.core.refused("404", talk.now, code=404, final=True)
    assert isinstance(talk.core.ended, RefusedError)
    talk = Talk()
    talk.open()
    talk.end()
    talk.go(1)
    talk.core.refused("404", talk.now, code=404, final=True)
    assert None is talk.core.ended
    talk.go(60)
    assert 3 == talk.dials


def test_a_silent_connection_is_left() -> None:
    """Also one that never said welcome."""
    for said in (True, False):
        talk = Talk()
        talk.alive = False
        if said:
            talk.open()
        else:
            talk.core.opened(talk.now)
        talk.go(5.6)
        assert 1 == talk.leaves
        talk.go(1)
        assert 2 == talk.dials


def test_the_gateways_time_is_asked_for_and_used() -> None:
    """If it tells it; a gateway of before does not, and nothing else changes."""
    talk = Talk()
    talk.alive = False
    talk.open()
    talk.go(0.11)
    talk.hear("pong", id=talk.pings[0]["id"], server_us=5_000_000)
    assert talk.core.clock.now_us(talk.now) == pytest.approx(5_005_000, abs=6_000)
    assert talk.core.clock.now_us(talk.now + 1) == pytest.approx(6_005_000, abs=6_000)


def test_what_changes_when_to_act_wakes_the_driver() -> None:
    """It has set a timer already; prices, of which there are many, do not wake it."""
    talk = Talk()
    talk.open()
    talk.subscribe("A")
    talk.core.received(json.dumps({"type": "tick"} | price("A", 1)), talk.now)
    assert not talk.core.has_actions
    talk.core.received(json.dumps({"type": "shutdown", "reconnect_after_ms": 50}), talk.now)
    assert talk.core.has_actions
    assert talk.now + 0.05 == talk.core.deadline()


def test_an_older_price_of_the_next_gateway_is_no_news() -> None:
    """It reads some milliseconds behind; a numbering that has begun anew is news all the same."""
    talk = Talk()
    talk.open()
    talk.subscribe("BTCUSDT")
    talk.tick("BTCUSDT", 9, "snapshot")
    talk.end()
    talk.go(1)
    talk.open()
    talk.confirm("BTCUSDT")
    talk.events()
    talk.tick("BTCUSDT", 8, "snapshot")
    assert [] == [event for event in talk.events() if isinstance(event, Tick)]
    assert 9 == talk.core.prices.newest["BTCUSDT"].seq
    talk.tick("BTCUSDT", 3, recv_us=price("BTCUSDT", 10)["recv_us"])
    assert 3 == talk.core.prices.newest["BTCUSDT"].seq
    talk.go(3)
    talk.tick("BTCUSDT", 2)
    assert 2 == talk.core.prices.newest["BTCUSDT"].seq


def test_figures_of_a_day_come_as_the_exchange_wrote_them() -> None:
    """Strings, the newest of each symbol."""
    talk = Talk()
    talk.open()
    talk.subscribe("BTCUSDT", channel="stats")
    talk.events()
    talk.hear("stats", symbol="BTCUSDT", open="1.10", high="1.20")
    talk.hear("stats", symbol="BTCUSDT", open="1.10", high="1.30")
    (stats,) = talk.events()
    assert isinstance(stats, Stats)
    assert {"open": "1.10", "high": "1.30"} == stats.fields
    assert "1.30" == stats["high"]


def test_a_tick_in_a_batch_is_like_any_other() -> None:
    """The same ticks, whichever way they come."""
    talk = Talk()
    talk.open()
    talk.subscribe("A", "B", conflate=False)
    talk.events()
    talk.hear("ticks", ticks=[price("A", 1), price("B", 1), price("A", 2)])
    assert [("A", 1), ("B", 1), ("A", 2)] == [
        (event.symbol, event.seq) for event in talk.events() if isinstance(event, Tick)
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(
    (
        *("tick", "snapshot", "ticks", "stats", "status", "symbol_status", "gap", "subscribed", "unsubscribed"),
        *("symbols", "pong", "error", "welcome", "shutdown", "expiring", "authenticated", "lag", "new"),
    )
)
FIELDS = st.sampled_from(["symbol", "symbols", "ticks", "seq", "id", "venue", "feed", "state", "from_seq", "since_us"])


@settings(max_examples=50)
@given(st.lists(st.tuples(KINDS, st.dictionaries(FIELDS, JSON, max_size=4)) | JSON, max_size=20))
def test_nothing_that_a_gateway_says_ends_the_program(messages: list[object]) -> None:
    """Whatever comes, of another version or from something that is no gateway: the next good message is understood."""
    talk = Talk()
    talk.open()
    talk.subscribe("BTCUSDT")
    for message in messages:
        sent = {"type": message[0]} | message[1] if isinstance(message, tuple) else message
        talk.core.received(json.dumps(sent), talk.now)
        talk.take()
    talk.core.received("{", talk.now)
    talk.core.received(b"\xff", talk.now)
    talk.events()
    talk.tick("BTCUSDT", 10**9, recv_us=10**18)
    assert 10**9 == talk.core.prices.newest["BTCUSDT"].seq
