"""Numbers as Binance writes them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.binance.decimals import change, fixed, mean, padded, percent
from market.prices.tick import MAX_EXACT, MAX_SCALE


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (6523456, 2, "65234.56000000"), (0, 0, "0.00000000"), (1, 8, "0.00000001"), (1, 0, "1.00000000"),
        (MAX_EXACT, 0, "9007199254740991.00000000"), (1, 10, "0.0000000001"), (1_000, 10, "0.0000001000"[:-2] ),
    ],
)  # fmt: skip
def test_a_number_has_eight_digits_behind_the_point(value: int, scale: int, text: str) -> None:
    """More only where it needs them."""
    assert text == fixed(value, scale)


@given(st.integers(0, MAX_EXACT), st.integers(0, MAX_SCALE))
def test_no_digit_is_lost(value: int, scale: int) -> None:
    """The text is the number, whatever its scale."""
    text = fixed(value, scale)
    assert Decimal(text) == Decimal(value).scaleb(-scale)
    assert len(text.partition(".")[2]) >= 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", "1.00000000"), ("1.5", "1.50000000"), ("65234.50000000", "65234.50000000"), ("1.1234567890", "1.123456789")],
)
def test_a_text_of_an_exchange_is_padded(text: str, expected: str) -> None:
    """Nothing else happens to it."""
    assert expected == padded(text)


def test_what_the_exchange_did_not_write_is_computed_exactly() -> None:
    """The change to the digit; percentage and mean rounded as they are at Binance."""
    assert "-0.00000001" == change("1.00000000", "1.00000001")
    assert "234.50000000" == change("65234.50000000", "65000.00000000")
    assert "0.361" == percent("65234.50000000", "65000.00000000")
    assert "-50.000" == percent("0.5", "1")
    assert "3.33333333" == mean("10", "3")


def test_nothing_is_divided_by_zero() -> None:
    """Where nothing was traded there is no mean."""
    assert "0.000" == percent("1", "0.00000000")
    assert "0.00000000" == mean("0", "0.00000000")
