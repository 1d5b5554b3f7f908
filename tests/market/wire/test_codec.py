"""Ticks and heartbeats on their way to bytes and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from market.prices.symbols import MAX_SYMBOL_BYTES, fits
from market.prices.tick import MAX_EXACT, Tick
from market.wire.codec import (
    MAX_HEARTBEAT_BYTES,
    MAX_STATES_BYTES,
    MAX_TICK_BYTES,
    CodecError,
    decode_heartbeat,
    decode_states,
    decode_tick,
    encode_heartbeat,
    encode_states,
    encode_tick,
)
from market.wire.status import MAX_CHANGES, MAX_REASON, Changes, Heartbeat
from tests.market.samples import heartbeat, states, status, tick

exact = st.integers(0, MAX_EXACT)
maybe = exact | st.just(UNSET)
ticks = st.builds(
    Tick,
    symbol=st.text(min_size=1, max_size=40).filter(fits),
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
def test_heartbeat_and_back(fields: dict[str, str]) -> None:
    """Every heartbeat survives."""
    original: Heartbeat = heartbeat(**fields)
    assert original == decode_heartbeat(encode_heartbeat(original))


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
        encode_tick(tick()).replace(b'"seq":1,', b'"seq":1.0,'),
        encode_tick(tick()).replace(b'"seq":1,', b'"seq":1e3,'),
        encode_tick(tick()).replace(b'"seq":1,', b'"seq":true,'),
        encode_tick(tick()).replace(b'"seq":1,', b'"seq":' + b"9" * 500 + b","),
        encode_tick(tick()).replace(b'"seq":1,', b'"seq":18446744073709551617,'),
        encode_tick(tick()).replace(b'"price_scale":2', b'"price_scale":-1'),
        encode_tick(tick()).replace(b'"price_scale":2', b'"price_scale":false'),
        encode_tick(tick()) + b" " * MAX_TICK_BYTES,
        encode_tick(tick())[:-1] + b',"x":"' + b"x" * MAX_TICK_BYTES + b'"}',
        encode_tick(tick()) + encode_tick(tick()),
        encode_tick(tick()).replace(b'"seq":1,', b""),
        encode_tick(tick()).replace(b'"price_scale":2', b'"price_scale":16'),
        encode_tick(tick()).replace(b"BTCUSDT", b""),
        encode_tick(tick()).replace(b"BTCUSDT", b"X" * 65),
        encode_tick(tick()).replace(b"BTCUSDT", "币".encode() * 22),
        encode_tick(tick()).replace(b"BTCUSDT", b"\xff"),
        encode_heartbeat(heartbeat()),
        encode_tick(tick())[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
def test_what_is_no_tick(payload: bytes) -> None:
    """Bytes that are not a tick in every part are one kind of error, whatever is wrong with them."""
    with pytest.raises(CodecError):
        decode_tick(payload)


def test_what_is_encoded_is_the_same_whatever_it_was_read_from() -> None:
    """Blanks, another order, fields given twice and unknown ones leave nothing behind: the last of each counts."""
    plain = encode_tick(tick())
    fields = plain[1:-1].split(b",")
    for odd in (
        b" {\n" + b" ,\t".join(fields) + b"}\r\n",
        b"{" + b",".join(reversed(fields)) + b"}",
        b'{"bid":1,"seq":9,"price_scale":7,' + plain[1:],
        plain[:-1] + b',"mood":"good","mood":[{"bid":5}]}',
        plain.replace(b"BTCUSDT", rb"\u0042TCUSDT"),
        plain.replace(b'"bid"', rb'"\u0062id"'),
    ):
        assert plain == encode_tick(decode_tick(odd)), odd


def test_whatever_is_right_is_short_enough() -> None:
    """No tick, heartbeat or states of ours come near the limits, in whatever script."""
    sign = "币"
    symbol = sign * (MAX_SYMBOL_BYTES // len(sign.encode()))
    names = ("bid", "ask", "bid_size", "ask_size", "last", "volume", "event_us", "recv_us")
    numbers: dict[str, Any] = dict.fromkeys(names, MAX_EXACT)
    longest = tick(symbol, MAX_EXACT, **numbers, price_scale=15, size_scale=15)
    assert len(encode_tick(longest)) <= MAX_TICK_BYTES // 2
    assert longest == decode_tick(encode_tick(longest))
    # A control character takes six bytes in JSON.
    changes = [status("\x01" * 64, reason="\x01" * MAX_REASON) for _ in range(MAX_CHANGES)]
    fullest = heartbeat(reason="\x01" * MAX_REASON, states=Changes(version=2, since=1, symbols=changes))
    assert len(encode_heartbeat(fullest)) <= MAX_HEARTBEAT_BYTES
    assert fullest == decode_heartbeat(encode_heartbeat(fullest))
    many = states(others=[status(f"S{number}", reason="x" * 100) for number in range(10_000)])
    assert many == decode_states(encode_states(many))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"\xff",
        encode_tick(tick()),
        encode_heartbeat(heartbeat(source="x" * 41)),
        encode_heartbeat(heartbeat()).replace(b'"up"', b'"sideways"'),
        encode_heartbeat(heartbeat(reason="x" * 201)),
        encode_heartbeat(heartbeat())[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        encode_heartbeat(heartbeat()).replace(b'"since_us":1', b'"since_us":-1'),
        encode_heartbeat(heartbeat()).replace(b'"since_us":1', b'"since_us":true,"x":1'),
        encode_heartbeat(heartbeat())[:-1] + b',"states":{"version":9007199254740992,"since":1}}',
        encode_heartbeat(heartbeat())[:-1] + b',"states":{"version":1.5,"since":1}}',
        encode_heartbeat(heartbeat()) + b" " * MAX_HEARTBEAT_BYTES,
    ],
)
def test_what_is_no_heartbeat(payload: bytes) -> None:
    """Bytes that are not a heartbeat in every part are one kind of error, whatever is wrong with them."""
    with pytest.raises(CodecError):
        decode_heartbeat(payload)


def test_states_that_are_too_long_are_not_looked_at() -> None:
    """Whatever is in them."""
    with pytest.raises(CodecError):
        decode_states(encode_states(states()) + b" " * MAX_STATES_BYTES)


@given(st.binary(max_size=200))
def test_any_bytes(payload: bytes) -> None:
    """No bytes at all raise anything else."""
    for decode in (decode_tick, decode_heartbeat):
        with pytest.raises(CodecError):
            decode(payload)
