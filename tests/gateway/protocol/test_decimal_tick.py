"""Ticks with decimal strings."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given

from gateway.protocol.decimal_tick import PRICES, SIZES, DecimalTick, decimal_tick
from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK
from market.prices.tick import Tick
from tests.fakes import decoded, tick
from tests.gateway.protocol.test_encoding import ticks


@given(ticks)
def test_a_decimal_string_is_exactly_the_scaled_integer(original: Tick) -> None:
    """With as many decimals as the scale, and what the exchange did not give is absent."""
    told: dict[str, Any] = msgspec.to_builtins(decimal_tick(original))
    for names, scale in ((PRICES, original.price_scale), (SIZES, original.size_scale)):
        for name in names:
            value = getattr(original, name)
            assert (name in told) == (value is not msgspec.UNSET)
            if name in told:
                assert Decimal(value).scaleb(-scale) == Decimal(told[name])
                assert -scale == Decimal(told[name]).as_tuple().exponent
    assert not {"price_scale", "size_scale"} & told.keys()


def test_every_field_of_a_tick_is_in_its_decimal_form() -> None:
    """But for the scales, whatever fields a tick has."""
    assert set(Tick.__struct_fields__) - {"price_scale", "size_scale"} == set(DecimalTick.__struct_fields__)


def test_each_encoding_has_a_decimal_form() -> None:
    """The same messages with other numbers: single, batched, and as a snapshot."""
    framed = FramedTick("BTCUSDT", 1, tick(bid=6502886, ask=6502887, volume=5200))
    for encoding in (JSON.decimal, MSGPACK.decimal):
        single = encoding.joiner(batch=False)([encoding.form(batch=False)(framed)])
        batch = encoding.joiner(batch=True)([encoding.form(batch=True)(framed)])
        first, second, third = decoded(single + batch + encoding.snapshot_frames([framed]))
        told = {"symbol": "BTCUSDT", "seq": 1, "bid": "65028.86", "ask": "65028.87", "volume": "5.200"}
        told |= {"recv_us": 1_000_001}
        assert {"type": "tick"} | told == first
        assert {"type": "ticks", "ticks": [told]} == second
        assert {"type": "snapshot"} | told == third
