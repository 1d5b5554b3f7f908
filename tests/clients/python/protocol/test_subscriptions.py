"""What a gateway is asked for: first, and on each later connection."""

import json
from typing import Any

from tests.clients.python.talks import Talk
from tickgate_client.errors import ClosedError, SubscribeError
from tickgate_client.events import Problem


def subscribe(*symbols: str, **options: Any) -> dict[str, Any]:
    """The command, without its mark."""
    return {"symbols": list(symbols), "batch": True} | options


def test_a_subscribe_is_answered_by_the_full_names() -> None:
    """Whatever the caller called them."""
    talk = Talk()
    talk.open()
    number = talk.ask("subscribe", "BTC", max_hz=2)
    assert [subscribe("BTC", max_hz=2)] == talk.commands("subscribe")
    talk.confirm("BTCUSDT")
    assert {} == talk.answers()
    talk.hear("pong", id=f"{number}.end")
    assert {number: ["BTCUSDT"]} == talk.answers()


def test_a_subscribe_that_is_partly_wrong_raises_and_holds_the_rest() -> None:
    """A name that is mistyped is never silent; the next connection is not asked for it again."""
    talk = Talk()
    talk.open()
    number = talk.ask("subscribe", "BTC", "XBT")
    talk.confirm("BTCUSDT")
    talk.hear("error", code="unknown_symbol", message="unknown symbol: 'XBT'", id=f"{number}.0")
    talk.hear("pong", id=f"{number}.end")
    error = talk.answers()[number]
    assert isinstance(error, SubscribeError)
    assert ("unknown_symbol", ("BTCUSDT",)) == (error.code, error.held)
    talk.end()
    talk.go(1)
    talk.open()
    assert subscribe("BTCUSDT") == talk.commands("subscribe")[-1]


def test_what_was_asked_without_a_connection_is_sent_with_the_next() -> None:
    """A subscribe may be made at any time, and is answered in the end."""
    talk = Talk()
    number = talk.ask("subscribe", "BTC")
    assert [] == talk.sent
    talk.open()
    assert [subscribe("BTC")] == talk.commands("subscribe")
    talk.end()
    talk.go(1)
    talk.open()
    assert [subscribe("BTC")] * 2 == talk.commands("subscribe")
    talk.confirm("BTCUSDT")
    talk.hear("pong", id=f"{number}.end")
    assert {number: ["BTCUSDT"]} == talk.answers()


def test_each_connection_is_asked_for_everything_again_with_its_options() -> None:
    """All symbols first, and then those with options of their own; what every tick is wanted of, from where it was."""
    talk = Talk()
    talk.open()
    talk.subscribe("*", max_hz=1)
    talk.subscribe("BTCUSDT", conflate=False)
    talk.subscribe("ETHUSDT", max_hz=5)
    talk.subscribe("SOLUSDT", max_hz=5)
    talk.subscribe("BTCUSDT", channel="stats")
    talk.tick("BTCUSDT", 7, "snapshot")
    before = len(talk.commands("subscribe"))
    for _ in range(2):
        talk.end()
        talk.go(30)
        talk.open()
        assert [
            subscribe("*", max_hz=1),
            subscribe("BTCUSDT", conflate=False, since={"BTCUSDT": 7}),
            subscribe("ETHUSDT", "SOLUSDT", max_hz=5),
            {"symbols": ["BTCUSDT"], "channel": "stats"},
        ] == talk.commands("subscribe")[before:]
        before = len(talk.commands("subscribe"))


def test_all_symbols_of_every_tick_go_on_where_they_were() -> None:
    """Each position belongs to a symbol that is named, as the protocol wants it."""
    talk = Talk()
    talk.open()
    number = talk.ask("subscribe", "*", conflate=False)
    talk.confirm("AUSDT", "BUSDT")
    talk.hear("pong", id=f"{number}.end")
    talk.tick("AUSDT", 5, "snapshot")
    talk.end()
    talk.go(30)
    talk.open()
    assert subscribe("*", "AUSDT", "BUSDT", conflate=False, since={"AUSDT": 5}) == talk.commands("subscribe")[-1]


def test_positions_are_as_many_as_a_gateway_reads() -> None:
    """With more symbols than one message holds, the others have a snapshot, and a gap is told."""
    talk = Talk()
    talk.open()
    names = [f"VERY-LONG-NAME-{number:05d}USDT" for number in range(6_000)]
    number = talk.ask("subscribe", "*", conflate=False)
    talk.confirm(*names)
    talk.hear("pong", id=f"{number}.end")
    for name in names:
        talk.tick(name, 1_795_734_825_341, "snapshot")
    talk.end()
    talk.go(30)
    talk.open()
    sent = talk.sent[-1]
    assert 150_000 < len(json.dumps(sent, separators=(",", ":"))) < 262_144
    assert sent["symbols"] == ["*", *sent["since"]]


def test_many_symbols_are_asked_for_in_several_messages() -> None:
    """Each is short enough for any gateway; the answer comes when all are answered."""
    talk = Talk()
    talk.open()
    names = [f"S{number}USDT" for number in range(1200)]
    number = talk.ask("subscribe", *names)
    assert [500, 500, 200] == [len(message["symbols"]) for message in talk.commands("subscribe")]
    for part, start in enumerate((0, 500, 1000)):
        talk.hear("subscribed", symbols=names[start : start + 500], id=f"{number}.{part}")
    talk.hear("pong", id=f"{number}.end")
    assert {number: names} == talk.answers()
    talk.end()
    talk.go(30)
    talk.open()
    assert [500, 500, 200] == [len(message["symbols"]) for message in talk.commands("subscribe")[3:]]


def test_what_the_gateway_did_not_read_is_sent_again() -> None:
    """It refuses messages unread if there are too many, and does not say which; each time it has longer to recover."""
    talk = Talk()
    talk.open()
    number = talk.ask("subscribe", "BTC")
    talk.hear("error", code="rate_limited", message="too many")
    talk.go(1.1)
    assert [subscribe("BTC")] * 2 == talk.commands("subscribe")
    # This time only the ping behind it was read.
    talk.hear("pong", id=f"{number}.end")
    talk.go(2.1)
    assert [subscribe("BTC")] * 3 == talk.commands("subscribe")
    talk.confirm("BTCUSDT")
    talk.hear("pong", id=f"{number}.end")
    assert {number: ["BTCUSDT"]} == talk.answers()
    talk.go(10)
    assert 3 == len(talk.commands("subscribe"))


def test_a_resume_that_was_not_read_is_sent_again() -> None:
    """And only that one."""
    talk = Talk()
    talk.open()
    talk.subscribe("AUSDT")
    talk.subscribe("BUSDT", max_hz=1)
    talk.end()
    talk.go(1)
    talk.open()
    first, second = [message["id"] for message in talk.sent if message["type"] == "subscribe"][-2:]
    talk.hear("subscribed", symbols=["AUSDT"], id=first)
    talk.hear("error", code="rate_limited", message="too many")
    talk.go(1.1)
    assert [second] == [message["id"] for message in talk.sent if message["type"] == "subscribe"][4:]


def test_positions_that_a_gateway_does_not_take_are_left_out() -> None:
    """Prices matter more; what is missing is told."""
    talk = Talk()
    talk.open()
    talk.subscribe("AUSDT", conflate=False)
    talk.tick("AUSDT", 5, "snapshot")
    talk.end()
    talk.go(1)
    talk.open()
    talk.hear("error", code="bad_message", message="since?", id=talk.sent[-1]["id"])
    assert subscribe("AUSDT", conflate=False) == talk.commands("subscribe")[-1]


def test_a_symbol_that_is_refused_later_is_a_problem_and_no_end() -> None:
    """Nobody waits for that answer, so it is an event."""
    talk = Talk()
    talk.open()
    talk.subscribe("AUSDT")
    talk.end()
    talk.go(1)
    talk.open()
    talk.events()
    talk.hear("error", code="forbidden", message="the token does not allow: 'AUSDT'", id=talk.sent[-1]["id"])
    assert Problem("forbidden", "the token does not allow: 'AUSDT'") in talk.events()
    assert None is talk.core.ended


def test_the_list_of_symbols_may_come_in_parts() -> None:
    """It is one answer."""
    talk = Talk()
    talk.open()
    number = talk.ask("symbols")
    talk.hear("symbols", symbols=[{"symbol": "A"}], more=True, id=f"{number}.0")
    talk.hear("symbols", symbols=[{"symbol": "B"}], id=f"{number}.0")
    talk.hear("pong", id=f"{number}.end")
    assert {number: [{"symbol": "A"}, {"symbol": "B"}]} == talk.answers()


def test_nobody_waits_for_a_stream_that_has_ended() -> None:
    """Each open request is answered by why."""
    talk = Talk()
    talk.open()
    number = talk.ask("subscribe", "BTC")
    talk.core.close()
    talk.take()
    assert isinstance(talk.answers()[number], ClosedError)
