"""Conversations as transcripts: a message in, replies and wishes out. No sockets."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.closing import Closing
from gateway.frames import Encoding
from gateway.session import Limits, Outcome, Session
from market.symbols import parse_symbols

SYMBOLS = parse_symbols("BTCUSDT,ETHUSDT,SOLUSDT")


def session(encoding: Encoding = "json", max_symbols: int = 0, max_errors: int = 0) -> Session:
    return Session(SYMBOLS, Limits(max_symbols, max_errors), encoding)


def say(client: Session, **message: Any) -> Outcome:
    outcome = client.receive(json.dumps(message).encode())
    if outcome.wishes is not None:
        client.wishes = outcome.wishes
    return outcome


def replies(outcome: Outcome) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(reply) for reply in outcome.replies]


def test_a_subscribe_is_confirmed_by_full_names_and_answered_with_snapshots() -> None:
    """Aliases and lower case become symbols, each once, in the order asked."""
    outcome = say(session(), type="subscribe", symbols=["sol", "BTC", "BTCUSDT"], id=7)
    assert [{"type": "subscribed", "symbols": ["SOLUSDT", "BTCUSDT"], "id": 7}] == replies(outcome)
    assert ["SOLUSDT", "BTCUSDT"] == list(outcome.snapshots)
    assert outcome.wishes is not None
    assert frozenset({"SOLUSDT", "BTCUSDT"}) == outcome.wishes.symbols


def test_a_star_means_every_symbol() -> None:
    """``["*"]`` subscribes to all, and unsubscribes from all."""
    client = session()
    assert list(SYMBOLS) == replies(say(client, type="subscribe", symbols=["*"]))[0]["symbols"]
    assert list(SYMBOLS) == replies(say(client, type="unsubscribe", symbols=["*"]))[0]["symbols"]
    assert frozenset() == client.wishes.symbols


def test_a_partly_wrong_subscribe_does_what_is_right_and_names_what_is_not() -> None:
    """The known symbols are held, the unknown ones named in an error with the same id."""
    client = session()
    outcome = say(client, type="subscribe", symbols=["BTC", "NOPE", "ETH"], id="a")
    assert [
        {"type": "subscribed", "symbols": ["BTCUSDT", "ETHUSDT"], "id": "a"},
        {"type": "error", "code": "unknown_symbol", "message": "unknown symbol: 'NOPE'", "id": "a"},
    ] == replies(outcome)
    assert {"BTCUSDT", "ETHUSDT"} == client.wishes.symbols


def test_a_wholly_wrong_subscribe_changes_nothing() -> None:
    """Where no symbol is known there is an error and nothing else."""
    outcome = say(session(), type="subscribe", symbols=["NOPE"], id=1)
    assert ["error"] == [reply["type"] for reply in replies(outcome)]
    assert outcome.wishes is None


def test_options_hold_until_another_subscribe_changes_them() -> None:
    """An absent option keeps its value; null lifts a rate."""
    client = session()
    say(client, type="subscribe", symbols=["BTC"], batch=True, max_hz=2, conflate=False)
    say(client, type="subscribe", symbols=["ETH"])
    assert (True, 2.0, False) == (client.wishes.batch, client.wishes.max_hz, client.wishes.conflate)
    say(client, type="subscribe", symbols=["ETH"], batch=False, max_hz=None, conflate=True)
    assert (False, None, True) == (client.wishes.batch, client.wishes.max_hz, client.wishes.conflate)


def test_snapshots_can_be_declined() -> None:
    """``snapshot: false`` asks for changes only."""
    assert () == say(session(), type="subscribe", symbols=["BTC"], snapshot=False).snapshots


def test_unsubscribe_names_only_what_was_held() -> None:
    """Letting go of a symbol that is not held is no error, and is not confirmed."""
    client = session()
    say(client, type="subscribe", symbols=["BTC"])
    outcome = say(client, type="unsubscribe", symbols=["BTC", "ETH"], id=2)
    assert [{"type": "unsubscribed", "symbols": ["BTCUSDT"], "id": 2}] == replies(outcome)


def test_list_and_ping_echo_the_id() -> None:
    """``list`` tells what is held, in the gateway's order; ``ping`` is answered with ``pong``."""
    client = session()
    say(client, type="subscribe", symbols=["SOL", "BTC"])
    held = replies(say(client, type="list", id="x"))
    assert [{"type": "subscriptions", "symbols": ["BTCUSDT", "SOLUSDT"], "id": "x"}] == held
    assert [{"type": "pong", "id": 3}] == replies(say(client, type="ping", id=3))


@pytest.mark.parametrize(
    ("text", "code", "names"),
    [
        (b"{", "bad_json", "JSON"),
        (b"", "bad_json", "JSON"),
        (b"\xff\xfe", "bad_json", "JSON"),
        (b"[1]", "bad_message", "object"),
        (b'{"type":"subscribe","symbols":"BTC"}', "bad_message", "$.symbols"),
        (b'{"type":"subscribe","symbols":[1]}', "bad_message", "$.symbols[0]"),
        (b'{"type":"subscribe","symbols":[]}', "bad_message", "$.symbols"),
        (b'{"type":"subscribe"}', "bad_message", "symbols"),
        (b'{"type":"subscribe","symbols":["BTC"],"max_hz":1000}', "bad_message", "$.max_hz"),
        (b'{"type":"subscribe","symbols":["BTC"],"batch":1}', "bad_message", "$.batch"),
        (b'{"type":"subscribe","symbols":["BTC"],"colour":"red"}', "bad_message", "colour"),
        (b'{"type":"buy"}', "unknown_command", "'buy'"),
        (b'{"symbols":["BTC"]}', "bad_message", "type"),
        (b'{"type":7}', "bad_message", "str"),
    ],
)
def test_a_wrong_message_is_answered_by_what_is_wrong(text: bytes, code: str, names: str) -> None:
    """The error has a code for programs and names the place for people; nothing else happens."""
    outcome = session().receive(text)
    [error] = replies(outcome)
    assert ("error", code) == (error["type"], error["code"])
    assert names in error["message"]
    assert (None, (), None) == (outcome.wishes, outcome.snapshots, outcome.close)


def test_a_wrong_message_keeps_its_id() -> None:
    """Where the id can be read, the error carries it."""
    assert 9 == replies(say(session(), type="subscribe", symbols=5, id=9))[0]["id"]
    assert "q" == replies(say(session(), type="sell", id="q"))[0]["id"]


def test_ten_thousand_symbols_get_one_short_answer() -> None:
    """A huge list of unknown names is answered by naming a few and counting the rest."""
    outcome = say(session(), type="subscribe", symbols=[f"X{number}" for number in range(10_000)])
    [error] = replies(outcome)
    assert error["message"].endswith("and 9990 more")
    assert len(error["message"]) < 300


def test_more_symbols_than_allowed_are_refused_whole() -> None:
    """Past the limit nothing is subscribed, and the error says how many are allowed."""
    client = session(max_symbols=2)
    say(client, type="subscribe", symbols=["BTC"])
    [error] = replies(say(client, type="subscribe", symbols=["*"], id=4))
    assert ("too_many_symbols", 4) == (error["code"], error["id"])
    assert "2" in error["message"]
    assert {"BTCUSDT"} == client.wishes.symbols


def test_too_many_errors_end_the_connection() -> None:
    """The last allowed error is followed by the reason and a close; right messages do not count."""
    client = session(max_errors=3)
    assert client.receive(b"{").close is None
    assert say(client, type="ping").close is None
    assert client.receive_wrong_frame().close is None
    last = client.receive(b"{")
    assert Closing.TOO_MANY_ERRORS is last.close
    assert ["bad_json", "too_many_errors"] == [reply["code"] for reply in replies(last)]


def test_wrong_frames_are_named() -> None:
    """Binary where text is due says so, and the other way round."""
    assert "binary" in replies(session().receive_wrong_frame())[0]["message"]
    assert "text" in replies(session("msgpack").receive_wrong_frame())[0]["message"]


def test_messagepack_says_the_same() -> None:
    """The same command in MessagePack has the same outcome."""
    command = {"type": "subscribe", "symbols": ["BTC"], "max_hz": 2, "id": 1}
    outcome = session("msgpack").receive(msgspec.msgpack.encode(command))
    assert [{"type": "subscribed", "symbols": ["BTCUSDT"], "id": 1}] == replies(outcome)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
near_commands = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "list", "ping", "x"])},
    optional={
        "symbols": st.lists(st.sampled_from(["BTC", "*", "", "NOPE"]) | json_values, max_size=5) | json_values,
        "id": json_values,
        "max_hz": json_values,
        "batch": json_values,
    },
)


@given(st.binary(max_size=200) | (near_commands | json_values).map(lambda value: json.dumps(value).encode()))
def test_no_message_raises_and_every_one_is_answered(data: bytes) -> None:
    """Whatever a client sends, in either encoding, there is a reply, and it can be encoded."""
    for client in (session(), session("msgpack")):
        outcome = client.receive(data)
        assert outcome.replies
        assert msgspec.json.encode(list(outcome.replies))
