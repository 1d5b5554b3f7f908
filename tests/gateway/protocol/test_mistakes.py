"""What is said of a command that is wrong."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.channels import Channel
from gateway.protocol.commands import Malformed
from gateway.protocol.messages import AnyCommand, Subscribe
from gateway.protocol.mistakes import FIELDS, KINDS, in_words, likely
from tests.gateway.protocol.test_commands import DECODERS, encoded

EXAMPLE = '{"type":"subscribe","symbols":["BTC"]}'
LIST = 'symbols must be a list of at least one name, as ["BTC"]'
RATE = "max_hz must be a number from 0.1 to 50"
ID = "id must be an integer between -2^53 and 2^53, or a string of at most 64 characters"


def said(message: Any, encoding: str = "json") -> str:
    """The words of the answer to a message."""
    malformed = DECODERS[encoding].decode(encoded(message, encoding))
    assert isinstance(malformed, Malformed)
    assert "bad_message" == malformed.code
    return malformed.message


def subscribe(**fields: Any) -> dict[str, Any]:
    """A subscribe with these fields, which may replace its symbols."""
    return {"type": "subscribe", "symbols": ["BTC"]} | fields


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize(
    ("message", "words"),
    [
        (subscribe(symbols="BTC"), f"{LIST}, not a string"),
        (subscribe(symbols={"BTC": 1}), f"{LIST}, not an object"),
        (subscribe(symbols=None), f"{LIST}, not null"),
        (subscribe(symbols=[]), LIST),
        (subscribe(symbols=["BTC", 1]), "symbols[1] must be a name: a string of at most 64 bytes, not a number"),
        (subscribe(symbols=["X" * 65]), "symbols[0] must be a name: a string of at most 64 bytes"),
        (subscribe(max_hz="2"), f"{RATE}, not a string"),
        (subscribe(max_hz=True), f"{RATE}, not true or false"),
        (subscribe(max_hz=1000), RATE),
        (subscribe(max_hz=0), RATE),
        (subscribe(batch="true"), "batch must be true or false, not a string"),
        (subscribe(snapshot=0), "snapshot must be true or false, not a number"),
        (subscribe(conflate=[]), "conflate must be true or false, not a list"),
        (subscribe(channel="depth"), 'channel must be "ticker" or "stats"'),
        (subscribe(channel="' - at `$.max_hz`"), 'channel must be "ticker" or "stats"'),
        (subscribe(channel=5), 'channel must be "ticker" or "stats", not a number'),
        (subscribe(id=[1]), f"{ID}, not a list"),
        (subscribe(id=1.5), f"{ID}, not a number with a fraction"),
        (subscribe(id=2**60), ID),
        ({"type": "subscribe"}, 'subscribe needs symbols, a list of at least one name, as ["BTC"]'),
        ({"type": "auth"}, "auth needs token, a string of at most 8192 characters"),
        ({"type": "auth", "token": 5}, "token must be a string of at most 8192 characters, not a number"),
        ([1], f"a message must be an object, as {EXAMPLE}, not a list"),
        (5, f"a message must be an object, as {EXAMPLE}, not a number"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_it_must_be(message: Any, words: str, encoding: str) -> None:
    """In either encoding, and without the decoder's own names of types."""
    assert words == said(message, encoding)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"type": "subscribe", "symbol": "BTC"}, "subscribe has no field 'symbol'; did you mean symbols?"),
        (subscribe(maxhz=1), "subscribe has no field 'maxhz'; did you mean max_hz?"),
        (subscribe(Max_Hz=1), "subscribe has no field 'Max_Hz'; did you mean max_hz?"),
        (subscribe(snapshots=1), "subscribe has no field 'snapshots'; did you mean snapshot?"),
        (subscribe(conflat=1), "subscribe has no field 'conflat'; did you mean conflate?"),
        (
            {"type": "unsubscribe", "symbols": ["BTC"], "batch": True},
            "unsubscribe has no field 'batch'; there are type, symbols, channel, id",
        ),
        ({"type": "list", "symbol": "BTC"}, "list has no field 'symbol'; there are type, id"),
        (subscribe(colours=1, id=[1]), "this command has no field 'colours'; there are type, id, symbols"),
    ],
)
def test_an_unknown_field_comes_with_the_likely_one(message: Any, words: str, encoding: str) -> None:
    """Or with those that there are; where the command cannot be read to its end, with those of all."""
    assert said(message, encoding).startswith(words)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_without_a_type_there_is_an_example(encoding: str) -> None:
    """And what a field was probably meant for that stands there instead."""
    missing = f"type is missing; write for example {EXAMPLE}"
    assert missing == said({}, encoding) == said({"symbols": ["BTC"]}, encoding) == said({"id": [1]}, encoding)
    assert f"{missing}; instead of symbol, did you mean symbols?" == said({"symbol": "BTC"}, encoding)
    binances = {"method": "SUBSCRIBE", "params": ["btcusdt@ticker"], "id": 1}
    by = f"{missing}; instead of method, did you mean type?; instead of params, did you mean symbols?"
    assert by == said(binances, encoding)
    assert said({"type": 7}, encoding).startswith(f"type must be a string, as in {EXAMPLE}")
    malformed = DECODERS[encoding].decode(encoded({"symbol": "BTC", "id": 9}, encoding))
    assert isinstance(malformed, Malformed)
    assert 9 == malformed.id


def test_every_field_has_words_that_fit_its_type() -> None:
    """A field that is added must have words, and bounds in words are those of its type."""
    fields = {field for kind in KINDS.values() for field in kind.__struct_fields__}
    assert FIELDS.keys() == {"type", *fields}
    assert set(KINDS.values()) == set(get_args(AnyCommand))
    info = msgspec.inspect.type_info(Subscribe)
    assert isinstance(info, msgspec.inspect.StructType)
    (rate,) = [field.type for field in info.fields if field.name == "max_hz"]
    assert isinstance(rate, msgspec.inspect.UnionType)
    (number,) = [kind for kind in rate.types if isinstance(kind, msgspec.inspect.FloatType)]
    assert f"a number from {number.ge:g} to {number.le:g}" == FIELDS["max_hz"]
    assert [name.strip('"') for name in FIELDS["channel"].split(" or ")] == list(get_args(Channel))


def test_what_is_like_no_field_means_none() -> None:
    """Nothing is guessed; a long name is not even looked at."""
    for name in ("colour", "x", "", "s" * 50_000, "币"):
        assert "" == likely(name, list(FIELDS))


@given(st.text(max_size=500), st.sampled_from([*KINDS, ""]))
def test_the_words_are_short(problem: str, kind: str) -> None:
    """Whatever the decoder says, which may quote the message."""
    for text in (problem, f"Object contains unknown field `{problem}`", f"{problem} - at `$.symbols`"):
        assert len(in_words(text, kind)) <= 500
