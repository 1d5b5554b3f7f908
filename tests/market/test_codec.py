"""Ticks and beats on their way to bytes and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from market.codec import CodecError, decode_beat, decode_plain_tick, decode_tick, encode_beat, encode_tick
from market.status import Beat
from market.tick import MAX_EXACT, Tick
from tests.market.samples import beat, tick

exact = st.integers(0, MAX_EXACT)
maybe = exact | st.just(UNSET)
ticks = st.builds(
    Tick,
    symbol=st.text(min_size=1, max_size=40),
    seq=exact,
    bid=maybe,
    ask=maybe,
    bid_size=maybe,
    ask_size=maybe,
    last=maybe,
    volume=maybe,
    price_scale=st.integers(0, 15),
    size_scale=st.integers(0, 15),
    event_us=maybe,
    recv_us=exact,
)


@given(ticks)
def test_tick_and_back(original: Tick) -> None:
    """Every tick survives, to the integer; what it lacks is absent from the bytes."""
    payload = encode_tick(original)
    assert original == decode_tick(payload)
    given_fields = {name for name in original.__struct_fields__ if getattr(original, name) is not UNSET}
    assert given_fields == set(json.loads(payload))


def test_tick_as_bytes() -> None:
    """The bytes are the JSON that every reader of the bus relies on."""
    expected = (
        b'{"symbol":"BTCUSDT","seq":1,"bid":6500001,"ask":6500002,"bid_size":120000,"ask_size":80000,'
        b'"last":6500001,"price_scale":2,"size_scale":5,"recv_us":1700000000000000}'
    )
    assert expected == encode_tick(tick(last=6500001))


@pytest.mark.parametrize("fields", [{}, {"link": "down", "reason": "no answer"}, {"source": "binance-rest"}])
def test_beat_and_back(fields: dict[str, str]) -> None:
    """Every beat survives."""
    original: Beat = beat(**fields)
    assert original == decode_beat(encode_beat(original))


def test_unknown_fields_are_ignored() -> None:
    """A newer poller may add fields."""
    payload = encode_tick(tick())[:-1] + b',"mood":"good"}'
    assert tick() == decode_tick(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"garbage",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        encode_tick(tick())[:-1],
        encode_tick(tick()).replace(b'"seq":1', b'"seq":"1"'),
        encode_tick(tick()).replace(b'"seq":1', b'"seq":-1'),
        encode_tick(tick()).replace(b'"seq":1', b'"seq":1.5'),
        encode_tick(tick()).replace(b'"seq":1', b'"seq":null'),
        encode_tick(tick()).replace(b'"seq":1,', b'"seq":9007199254740992,'),
        encode_tick(tick()).replace(b'"seq":1,', b""),
        encode_tick(tick()).replace(b'"price_scale":2', b'"price_scale":16'),
        encode_tick(tick()).replace(b"BTCUSDT", b""),
        encode_tick(tick()).replace(b"BTCUSDT", b"X" * 65),
        encode_tick(tick()).replace(b"BTCUSDT", "币".encode() * 22),
        encode_tick(tick()).replace(b"BTCUSDT", b"\xff"),
        encode_beat(beat()),
        encode_tick(tick())[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
def test_what_is_no_tick(payload: bytes) -> None:
    """Bytes that are not a tick in every part are one kind of error, whatever is wrong with them."""
    with pytest.raises(CodecError):
        decode_tick(payload)
    assert decode_plain_tick(payload) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"\xff",
        encode_tick(tick()),
        encode_beat(beat(source="x" * 41)),
        encode_beat(beat()).replace(b'"up"', b'"sideways"'),
        encode_beat(beat(reason="x" * 201)),
        encode_beat(beat())[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
def test_what_is_no_beat(payload: bytes) -> None:
    """Bytes that are not a beat in every part are one kind of error, whatever is wrong with them."""
    with pytest.raises(CodecError):
        decode_beat(payload)


@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    """No bytes at all raise anything else."""
    for decode in (decode_tick, decode_beat):
        with pytest.raises(CodecError):
            decode(payload)
