"""WebSocket frames, read back by the `websockets` library, and MessagePack by `msgpack`."""

from json import loads
from typing import Any

import msgpack as msgpack_library
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import CLIENT, Protocol

from gateway import protocol
from gateway.deflate import LEAST_BYTES
from gateway.frames import (
    BINARY,
    TEXT,
    Encoding,
    FramedTick,
    form_of,
    frame,
    joiner,
    json,
    json_body,
    json_snapshot,
    message_frame,
    msgpack,
    msgpack_body,
    msgpack_snapshot,
    snapshot_frames,
    with_entry,
)
from gateway.protocol import Message, Pong
from market.codec import decode_tick, encode_tick
from market.tick import Tick
from tests.fakes import decoded, tick


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
def test_a_frame_of_any_length_is_read_back_whole(size: int) -> None:
    """Every one of the three length forms of RFC 6455 carries its payload."""
    payload = msgspec.json.encode("x" * size)
    assert ["x" * size] == list(decoded(frame(TEXT, payload)))


def test_msgpack_goes_in_binary_frames() -> None:
    """A MessagePack message is a binary frame, a JSON message a text frame."""
    assert (BINARY, TEXT) == tuple(message_frame(Pong(), encoding)[0] & 0xF for encoding in ("msgpack", "json"))


whole_numbers = st.integers(0, 2**53 - 1)
absent_or_number = whole_numbers | st.just(msgspec.UNSET)
ticks = st.builds(
    Tick,
    symbol=st.text("ABCXYZ0189", min_size=2, max_size=20),
    seq=whole_numbers,
    bid=absent_or_number,
    ask=absent_or_number,
    bid_size=absent_or_number,
    ask_size=absent_or_number,
    last=absent_or_number,
    volume=absent_or_number,
    price_scale=st.integers(0, 15),
    size_scale=st.integers(0, 15),
    event_us=absent_or_number,
    recv_us=whole_numbers,
)


@given(ticks)
def test_every_form_of_a_tick_says_the_same(original: Tick) -> None:
    """JSON and MessagePack, single, batched or as a snapshot, carry the bus's fields and their own type."""
    fields = msgspec.json.decode(encode_tick(original))
    framed = FramedTick(original.symbol, original.seq, original)
    for encoding in ("json", "msgpack"):
        single = joiner(encoding, batch=False)([form_of(encoding, batch=False)(framed)])
        batch = joiner(encoding, batch=True)([form_of(encoding, batch=True)(framed)] * 2)
        snapshot = snapshot_frames([framed], encoding)
        expected = [
            {"type": "tick"} | fields,
            {"type": "ticks", "ticks": [fields, fields]},
            {"type": "snapshot"} | fields,
        ]
        assert expected == list(decoded(single + batch + snapshot))
    assert original == decode_tick(json_body(framed))


@pytest.mark.parametrize("count", [1, 14, 15, 16, 17, 65534, 65535, 65536])
def test_a_tick_of_any_number_of_fields_is_a_messagepack_map(count: int) -> None:
    """With its type added, a tick is still one map, also where the number of fields then takes more bytes."""
    fields = {f"f{number}": number for number in range(count)}
    kind = msgspec.defstruct("Wide", [(name, int, number) for name, number in fields.items()])
    framed = FramedTick("BTCUSDT", 1, kind())
    for form, name in ((msgpack, "tick"), (msgpack_snapshot, "snapshot")):
        [message] = read_by_others(form(framed))
        assert {"type": name} | fields == message


def test_what_is_no_map_gets_no_entry() -> None:
    """An array in place of a map is an error, and not another array."""
    with pytest.raises(ValueError, match="begins with 0x92"):
        with_entry(b"\xa1a\x01", msgspec.msgpack.encode([1, 2]))


def test_a_form_is_made_once() -> None:
    """Asking for a form twice gives the same bytes object, so a tick is encoded at most once for everybody."""
    framed = FramedTick("BTCUSDT", 1, tick())
    for form in (json, json_body, json_snapshot, msgpack, msgpack_body, msgpack_snapshot):
        assert form(framed) is form(framed)


def read_by_others(stream: bytes) -> list[Any]:
    """The messages in a server's bytes, compressed or not, by libraries that share no code with the gateway."""
    client = Protocol(CLIENT, max_size=None)
    client.extensions = [PerMessageDeflate(True, True, 15, 15)]
    client.receive_data(stream)
    assert client.parser_exc is None
    frames = client.events_received()
    return [loads(one.data) if one.opcode is Opcode.TEXT else msgpack_library.unpackb(one.data) for one in frames]


def stream_of(encoding: Encoding, framed: list[FramedTick]) -> bytes:
    """Every way in which ticks are sent."""
    return b"".join(
        (
            joiner(encoding, batch=False)([form_of(encoding, batch=False)(one) for one in framed]),
            joiner(encoding, batch=True)([form_of(encoding, batch=True)(one) for one in framed]),
            joiner(encoding, batch=True, deflate=True)([form_of(encoding, batch=True)(one) for one in framed]),
            snapshot_frames(framed, encoding),
        )
    )


@given(st.lists(ticks, min_size=1, max_size=8))
def test_another_library_reads_in_messagepack_what_json_says(originals: list[Tick]) -> None:
    """Ticks, batches, compressed or not, and snapshots have equal values in both encodings, to the last digit."""
    framed = [FramedTick(one.symbol, one.seq, one) for one in originals]
    in_msgpack = stream_of("msgpack", framed)
    assert read_by_others(stream_of("json", framed)) == read_by_others(in_msgpack)
    assert [{"type": "tick"} | loads(json_body(one)) for one in framed] == read_by_others(in_msgpack)[: len(framed)]


def test_a_long_batch_is_compressed_in_both_encodings() -> None:
    """What the libraries read there is compressed indeed: RSV1 is set, and the frame is shorter."""
    framed = [FramedTick("BTCUSDT", seq, tick(seq=seq)) for seq in range(1, 101)]
    for encoding in ("json", "msgpack"):
        bodies = [form_of(encoding, batch=True)(one) for one in framed]
        plain, deflated = (joiner(encoding, batch=True, deflate=deflate)(bodies) for deflate in (False, True))
        assert (0, 0x40) == (plain[0] & 0x40, deflated[0] & 0x40)
        assert LEAST_BYTES < 2 * len(deflated) < len(plain)


MESSAGES: list[Message] = [
    protocol.Welcome(client="6b1a0a54-7f3c-4a4e-9a41-0d1d8e5c3c11", heartbeat_s=20),
    protocol.Subscribed(symbols=["BTCUSDT", "ETHUSDT"], id=7),
    protocol.Subscribed(symbols=[]),
    protocol.Unsubscribed(symbols=["BTCUSDT"], id="a"),
    protocol.Subscriptions(symbols=[f"S{number}" for number in range(1000)], id=2**53 - 1),
    protocol.SymbolStatus(symbol="币安人生USDT", state="halted", reason="grüße", since_us=1_700_000_000_000_000),
    protocol.Status(feed="stale", reason="grüße: no beat for 3 s", source="binance-ws", since_us=1_700_000_000_000_000),
    protocol.SymbolStatus(symbol="BTCUSDT", state="halted", reason="BREAK", since_us=1_700_000_000_000_000),
    protocol.Authenticated(subject="ada", expires_us=1_700_000_000_000_000, id=-1),
    protocol.Expiring(expires_us=1_700_000_000_000_000),
    protocol.Lag(conflated=123_456),
    protocol.Pong(id="x" * 64),
    protocol.Pong(),
    protocol.Error(code="bad_json", message='not JSON: "{"', id=0),
    protocol.Shutdown(reconnect_after_ms=1500),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_another_library_reads_every_message(message: Message) -> None:
    """Each message has the same fields and values in MessagePack as in JSON; what is not set is absent."""
    in_json, in_msgpack = (read_by_others(message_frame(message, encoding)) for encoding in ("json", "msgpack"))
    assert in_json == in_msgpack
    assert [msgspec.to_builtins(message)] == in_msgpack


def test_no_message_is_forgotten() -> None:
    """The list above has one of every kind there is."""
    assert set(Message.__subclasses__()) == {type(message) for message in MESSAGES}
