"""Tests of `loadtest.protocol._encodings`, against what the gateway itself writes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON as GATEWAY_JSON
from gateway.protocol.msgpack_encoding import MSGPACK as GATEWAY_MSGPACK
from loadtest.protocol import _messages as messages
from loadtest.protocol._encodings import DECIMAL, JSON, MSGPACK, UNKNOWN_SCALE
from loadtest.protocol._messages import Tick
from market.prices.tick import Tick as MarketTick

WHOLE = st.integers(0, 2**53 - 1)
SCALE = st.integers(0, 15)


@given(st.tuples(*[WHOLE] * 6), SCALE, SCALE)
def test_one_tick_is_the_same_in_each_encoding(numbers: tuple[int, ...], price_scale: int, size_scale: int) -> None:
    """What a gateway writes of one tick is read as the same numbers, so that users of all kinds can be compared."""
    bid, ask, last, bid_size, ask_size, volume = numbers
    tick = MarketTick(
        symbol="A", seq=7, bid=bid, ask=ask, last=last, bid_size=bid_size, ask_size=ask_size, volume=volume,
        price_scale=price_scale, size_scale=size_scale, event_us=1, recv_us=2,
    )  # fmt: skip
    framed = FramedTick("A", 7, tick)
    as_json = JSON.decode_tick(GATEWAY_JSON.tick_body(framed))
    assert isinstance(as_json, Tick)
    assert as_json == MSGPACK.decode_tick(GATEWAY_MSGPACK.tick_body(framed))
    assert as_json == DECIMAL.decode_tick(GATEWAY_JSON.decimal.tick_body(framed))


def test_a_decimal_tick_without_sizes_has_no_scale_for_them() -> None:
    """What a tick does not say is not made up."""
    tick = DECIMAL.decode_tick(b'{"type":"tick","symbol":"A","seq":1,"bid":"0.10","recv_us":1}')
    assert (10, 2, UNKNOWN_SCALE) == (tick.bid, tick.price_scale, tick.size_scale)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"bid": 1.5}, id="number"),
        pytest.param({"bid": "1e5"}, id="exponent"),
        pytest.param({"bid": "-1.0"}, id="negative"),
        pytest.param({"bid": "1."}, id="no decimals behind the point"),
        pytest.param({"bid": "1.00", "ask": "1.5"}, id="decimals cut off"),
        pytest.param({"bid": "9007199254740992"}, id="above 2^53 - 1"),
    ],
)
def test_what_is_no_exact_decimal_is_refused(fields: dict[str, object]) -> None:
    """A string that is not the number with all its decimals is no price."""
    payload = msgspec.json.encode({"type": "tick", "symbol": "A", "seq": 1, "recv_us": 1} | fields)
    with pytest.raises(messages.UNREADABLE):
        DECIMAL.decode(payload)
    assert "tick" == DECIMAL.kind(payload)


def test_other_messages_are_the_same_in_each_encoding() -> None:
    """A welcome is one in each, and what is no message has no kind."""
    welcome = {"type": "welcome", "client": "c", "heartbeat_s": 20.0}
    for encoding in (JSON, DECIMAL, MSGPACK):
        assert messages.Welcome(client="c", heartbeat_s=20.0) == encoding.decode(encoding.encode(welcome))
        assert "" == encoding.kind(b"\xc1")
