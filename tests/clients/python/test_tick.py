"""Prices stay exact."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clients.python.talks import price
from tickgate_client.tick import format_price, scaled, tick_of


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (6502886, 2, "65028.86"),
        (5, 2, "0.05"),
        (0, 3, "0.000"),
        (123, 0, "123"),
        (1, 15, "0.000000000000001"),
        (2**53 - 1, 15, "9.007199254740991"),
        (-5, 2, "-0.05"),
        (None, 2, "-"),
    ],
)
def test_a_price_has_all_its_digits(value: int | None, scale: int, text: str) -> None:
    """No exponent, no float, and no digit more or less than the scale says."""
    assert text == format_price(value, scale)


@given(st.integers(-(2**53) + 1, 2**53 - 1), st.integers(0, 15), st.integers(1, 40))
def test_a_decimal_is_exact_whatever_the_program_has_set(value: int, scale: int, precision: int) -> None:
    """A small precision of the program's own rounds no price, and text and decimal say the same."""
    with localcontext(prec=precision):
        got = scaled(value, scale)
        assert got is not None
        assert got.as_tuple().exponent == -scale
        assert f"{got:f}".removeprefix("-") == format_price(value, scale).removeprefix("-")
        assert int(str(got.copy_abs()).replace(".", "").split("E")[0]) == abs(value)


def test_what_the_exchange_did_not_give_is_none() -> None:
    """An empty side of the book, or a symbol without a trade."""
    tick = tick_of(price("BTCUSDT", 7) | {"bid_size": 1500})
    assert (Decimal("0.70"), Decimal("0.71"), Decimal("1.500")) == (tick.bid, tick.ask, tick.bid_size)
    assert (None, None, None) == (tick.last, tick.volume, tick.ask_size)
    assert "BTCUSDT 0.70 / 0.71" == str(tick)
