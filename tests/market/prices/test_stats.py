"""Figures of 24 hours: whatever an exchange writes, only plain decimals and whole numbers are passed on, unchanged."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from market.prices.stats import LATE_US, NUMBERS, WHOLES, Stats, is_decimal, is_late, nothing_known, readable
from tests.market.samples import decimals, stats

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | st.just([1])


@pytest.mark.parametrize("text", ["0", "-0.00000000", "65028.86", "0.10000000", "-3.141", "007.0", "9" * 30])
def test_a_plain_decimal(text: str) -> None:
    """With leading and trailing zeros, and with a sign."""
    assert is_decimal(text)
    Decimal(text)


@pytest.mark.parametrize(
    "text", ["", "-", ".5", "5.", "+1", "1e5", "1_0", " 1", "1\n", "1,5", "NaN", "１", "9" * 31, 1.5, None]
)
def test_no_plain_decimal(text: Any) -> None:
    """An exponent, a blank, another script's digits, or a number without quotes."""
    assert not is_decimal(text)


def test_every_field_is_of_one_kind() -> None:
    """A field that is added is a decimal string or an integer."""
    assert {*NUMBERS, *WHOLES, "symbol", "ts_us"} == set(Stats.__struct_fields__)


@given(stats())
def test_what_is_right_stays_as_it_is(original: Stats) -> None:
    """Nothing is left out, and no digit changes."""
    assert (original, ()) == readable(original)


@given(stats(), st.dictionaries(st.sampled_from([*NUMBERS, *WHOLES]), anything, min_size=1))
def test_what_is_wrong_is_left_out_alone(original: Stats, wrong: dict[str, Any]) -> None:
    """Each field by itself; what is left can be written and read again."""
    kept, names = readable(msgspec.structs.replace(original, **wrong))
    for name in Stats.__struct_fields__:
        if name not in wrong:
            assert getattr(original, name) == getattr(kept, name)
        elif name in names:
            assert getattr(kept, name) is UNSET
    assert kept == msgspec.json.decode(msgspec.json.encode(kept), type=Stats)


@given(decimals)
def test_the_type_and_the_check_agree(text: str) -> None:
    """What passes the check passes a reader, too."""
    assert Stats(symbol="A", ts_us=0, open=text) == msgspec.convert({"symbol": "A", "ts_us": 0, "open": text}, Stats)


@pytest.mark.parametrize("text", ["1\n", "１", "1e5"])
def test_a_reader_is_as_strict(text: str) -> None:
    """Also about what comes last."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"symbol": "A", "ts_us": 0, "open": text}, Stats)


def test_nothing_known() -> None:
    """Only the symbol and the time are said."""
    assert b'{"symbol":"BTCUSDT","ts_us":7}' == msgspec.json.encode(nothing_known("BTCUSDT", 7))


@pytest.mark.parametrize(
    ("ts_us", "held_us", "expected"),
    [(7, 8, True), (8, 8, False), (9, 8, False), (8, LATE_US + 8, True), (8, LATE_US + 9, False)],
)
def test_figures_are_late_for_a_minute_at_most(ts_us: int, held_us: int, *, expected: bool) -> None:
    """Beyond that the exchange's clock was set back. What says that nothing is known is never late, nor the next."""
    held, its = (Stats(symbol="BTCUSDT", ts_us=us, last="1.0") for us in (held_us, ts_us))
    assert expected == is_late(its, held)
    assert not is_late(nothing_known("BTCUSDT", ts_us), held)
    assert not is_late(its, nothing_known("BTCUSDT", held_us))
