"""WebSocket frames, read back by the `websockets` library."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.frames import (
    BINARY,
    TEXT,
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
)
from gateway.protocol import Pong
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
    framed = FramedTick(original.symbol, original.seq, encode_tick(original))
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


def test_a_form_is_made_once() -> None:
    """Asking for a form twice gives the same bytes object, so a tick is encoded at most once for everybody."""
    framed = FramedTick("BTCUSDT", 1, encode_tick(tick()))
    for form in (json, json_body, json_snapshot, msgpack, msgpack_body, msgpack_snapshot):
        assert form(framed) is form(framed)
