"""Bytes of a message in; a command, or what is wrong with them, out."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.commands import CommandDecoder, Malformed
from gateway.protocol.messages import MAX_NAMES, AnyCommand, List, Ping, Subscribe

JSON = CommandDecoder("JSON", msgspec.json.Decoder)
DECODERS = {"json": JSON, "msgpack": CommandDecoder("MessagePack", msgspec.msgpack.Decoder)}


def encoded(message: Any, encoding: str) -> bytes:
    """Encode a message as a client would."""
    return json.dumps(message).encode() if encoding == "json" else msgspec.msgpack.encode(message)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_command_is_the_same_in_either_encoding(encoding: str) -> None:
    """What is typed by hand and what a program packs come out alike."""
    command = encoded({"type": "subscribe", "symbols": ["BTC"], "max_hz": 2, "id": 1}, encoding)
    assert Subscribe(symbols=["BTC"], max_hz=2.0, id=1) == DECODERS[encoding].decode(command)
    assert List() == DECODERS[encoding].decode(encoded({"type": "list"}, encoding))


@pytest.mark.parametrize(
    ("text", "code", "names"),
    [
        (b"{", "bad_json", "JSON"),
        (b"", "bad_json", "JSON"),
        (b"\xff\xfe", "bad_json", "JSON"),
        (b"[1]", "bad_message", "object"),
        (b'{"type":"subscribe","symbols":"BTC"}', "bad_message", "symbols must be a list"),
        (b'{"type":"subscribe","symbols":[1]}', "bad_message", "symbols[0] must be"),
        (b'{"type":"subscribe","symbols":[]}', "bad_message", "at least one name"),
        (b'{"type":"subscribe","symbols":["%b"]}' % (b"X" * 65), "bad_message", "symbols[0] must be"),
        (b'{"type":"subscribe","symbols":["%b"]}' % ("币".encode() * 22), "bad_message", "longer than 64 bytes"),
        (b'{"type":"unsubscribe","symbols":["B","%b"]}' % ("币".encode() * 22), "bad_message", "longer than 64 bytes"),
        (b'{"type":"subscribe"}', "bad_message", "symbols"),
        (b'{"type":"subscribe","symbols":["BTC"],"max_hz":1000}', "bad_message", "max_hz must be"),
        (b'{"type":"subscribe","symbols":["BTC"],"batch":1}', "bad_message", "batch must be"),
        (b'{"type":"subscribe","symbols":["BTC"],"colour":"red"}', "bad_message", "colour"),
        (b'{"type":"subscribe","symbols":["BTC"],"channel":"depth"}', "bad_message", 'must be "ticker"'),
        (b'{"type":"subscribe","symbols":["BTC"],"channel":5}', "bad_message", 'must be "ticker"'),
        (b'{"type":"unsubscribe","symbols":["BTC"],"channel":"depth"}', "bad_message", 'must be "ticker" or "stats"'),
        (b'{"type":"buy"}', "unknown_command", "'buy'"),
        (b'{"symbols":["BTC"]}', "bad_message", "type"),
        (b'{"type":7}', "bad_message", "type must be a string"),
    ],
)
def test_what_is_wrong_is_named(text: bytes, code: str, names: str) -> None:
    """There is a code for programs, and the place for people."""
    malformed = JSON.decode(text)
    assert isinstance(malformed, Malformed)
    assert code == malformed.code
    assert names in malformed.message


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_channel_may_be_named(encoding: str) -> None:
    """There is one, which is meant where none is named."""
    for channel in ({}, {"channel": None}, {"channel": "ticker"}):
        command = DECODERS[encoding].decode(encoded({"type": "subscribe", "symbols": ["BTC"], **channel}, encoding))
        assert isinstance(command, Subscribe)
        assert command.channel in (msgspec.UNSET, None, "ticker")


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_an_id_is_kept_where_it_can_be_read(encoding: str) -> None:
    """The client finds the request that was wrong, also where the command is unknown."""
    for message, expected in (
        ({"type": "subscribe", "symbols": 5, "id": 9}, 9),
        ({"type": "sell", "id": "q"}, "q"),
        ({"type": "sell", "id": [1]}, msgspec.UNSET),
        ({"type": "sell"}, msgspec.UNSET),
    ):
        malformed = DECODERS[encoding].decode(encoded(message, encoding))
        assert isinstance(malformed, Malformed)
        assert expected == malformed.id


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_nesting_without_end_is_only_malformed(encoding: str) -> None:
    """A decoder that recurses is not led to the end of its stack."""
    nested = (b"[" if encoding == "json" else b"\x91") * 100_000
    assert isinstance(DECODERS[encoding].decode(nested), Malformed)


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    """Whatever a stranger sends is a command, or an answer that can be sent."""
    for decoder in DECODERS.values():
        result = decoder.decode(data)
        assert isinstance(result, AnyCommand | Malformed)
        assert msgspec.json.encode(result)


def test_what_is_quoted_of_an_unknown_command_is_short() -> None:
    """An answer is not made long by the one who asks."""
    malformed = JSON.decode(encoded({"type": "x" * 10_000}, "json"))
    assert isinstance(malformed, Malformed)
    assert len(malformed.message) < 200
    assert Ping() == JSON.decode(b'{"type":"ping"}')


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize("command", ["subscribe", "unsubscribe"])
def test_a_list_of_names_has_an_end(encoding: str, command: str) -> None:
    """So many names are a command; with one more the error says how many may be, and what to do."""
    names = [f"S{number}" for number in range(MAX_NAMES)]
    decoder = DECODERS[encoding]
    assert not isinstance(decoder.decode(encoded({"type": command, "symbols": names}, encoding)), Malformed)
    malformed = decoder.decode(encoded({"type": command, "symbols": [*names, "BTC"], "id": 3}, encoding))
    assert isinstance(malformed, Malformed)
    assert ("bad_message", 3) == (malformed.code, malformed.id)
    assert f"more than {MAX_NAMES} names; send several messages" in malformed.message
