"""The messages of clients, and their answers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.binance.commands import Command, Commands, Refused, answer, error

decode = Commands().decode


def read(message: Any) -> Command | Refused:
    """What is made of a message."""
    return decode(json.dumps(message).encode())


@pytest.mark.parametrize("command_id", [1, 0, -(2**63), 2**63 - 1, "a" * 36, "", None])
def test_an_id_comes_back_as_it_was(command_id: Any) -> None:
    """Integers, strings and null, each with its type."""
    command = read({"method": "SUBSCRIBE", "params": ["a@ticker"], "id": command_id})
    assert Command("SUBSCRIBE", command_id, ["a@ticker"]) == command
    assert {"result": None, "id": command_id} == json.loads(answer(None, command_id))


@pytest.mark.parametrize("command_id", [1.5, True, [], {}, "a" * 37, 2**63])
def test_an_id_of_another_kind_is_refused(command_id: Any) -> None:
    """Its error has none."""
    refused = read({"method": "LIST_SUBSCRIPTIONS", "id": command_id})
    assert isinstance(refused, Refused)
    assert (2, None) == (refused.code, refused.id)


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ({"id": 1}, 2, "Invalid request: missing field `method` at line 1 column 9"),
        ({"method": "SUBSCRIBE", "id": 1}, 2, "missing field `params`"),
        ({"method": "SUBSCRIBE", "params": "a@ticker", "id": 1}, 2, "missing field `params`"),
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2, "stream names must be strings"),
        ({"method": "PLACE", "id": 1}, 2, "unknown variant `PLACE`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`"),
        ({"method": ["x"], "id": 1}, 2, "unknown variant"),
        ({"method": "SET_PROPERTY", "params": [], "id": 1}, 2, "property name must be a string"),
        ({"method": "SET_PROPERTY", "params": [1, True], "id": 1}, 2, "property name must be a string"),
        ({"method": "SET_PROPERTY", "params": ["combined", True, 1], "id": 1}, 2, "too many parameters"),
        ({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 1}, 2, "too many parameters"),
        ({"method": "SET_PROPERTY", "params": ["other", True], "id": 1}, 0, "Unknown property"),
        ({"method": "GET_PROPERTY", "params": ["other"], "id": 1}, 0, "Unknown property"),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1, "Invalid value type: expected Boolean"),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 1, "Invalid value type: expected Boolean"),
    ],
)
def test_what_is_wrong_is_said_in_binances_words(message: Any, code: int, words: str) -> None:
    """The error has the command's id, and is an object of its own in the answer."""
    refused = read(message)
    assert isinstance(refused, Refused)
    assert words in refused.problem
    told = json.loads(error(refused))
    assert {"error": {"code": code, "msg": refused.problem}, "id": 1} == told


@pytest.mark.parametrize(("data", "column"), [(b"nonsense", 2), (b'{"method":', 1), (b"", 1), (b'{"id":1} x', 10)])
def test_what_is_no_json_is_said_to_be_none(data: bytes, column: int) -> None:
    """With the place, if it is known."""
    refused = decode(data)
    assert isinstance(refused, Refused)
    assert (3, None) == (refused.code, refused.id)
    assert refused.problem.startswith("Invalid JSON: expected value at line 1 column ")


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(repr).map(str.encode)
)
def test_anything_gets_an_answer(data: bytes) -> None:
    """And no exception, whatever it is."""
    outcome = decode(data)
    if isinstance(outcome, Refused):
        json.loads(error(outcome))
