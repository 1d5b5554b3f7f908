"""Decimal strings and scaled integers, checked against the standard library's exact arithmetic."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.prices.tick import (
    MAX_EXACT,
    MAX_SCALE,
    DecimalError,
    TooFineError,
    TooLargeError,
    at_scale,
    number,
    scale_of,
    scaled,
    unscaled,
)

scales = st.integers(0, MAX_SCALE)
decimals = st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,20})?", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [
        ("65234.56", 2, 6523456),
        ("65234.56000000", 2, 6523456),
        ("65234.5", 2, 6523450),
        ("65234", 2, 6523400),
        ("0.00000001", 8, 1),
        ("0", 0, 0),
        ("0.0", 0, 0),
        ("007", 0, 7),
        ("9007199254740991", 0, MAX_EXACT),
        ("0" * 5000 + "1", 0, 1),
    ],
)
def test_scaled(text: str, scale: int, value: int) -> None:
    """A decimal string becomes the integer it stands for at its scale."""
    assert value == scaled(text, scale)


@pytest.mark.parametrize(
    ("text", "scale", "error"),
    [
        ("65234.567", 2, TooFineError),
        ("0.000000001", 8, TooFineError),
        ("9007199254740992", 0, TooLargeError),
        ("90071992547409.92", 2, TooLargeError),
        ("9" * 5000, 0, TooLargeError),
        ("1", 16, TooLargeError),
        *[
            (text, 2, DecimalError)
            for text in (
                "",
                " ",
                "1 ",
                "-1",
                "+1",
                "1e5",
                "1.",
                ".5",
                "1,5",
                "nan",
                "Infinity",
                "1_000",
                "٣",
                "1.٣",
                "1\n",
            )
        ],
    ],
)
def test_scaled_refuses(text: str, scale: int, error: type[DecimalError]) -> None:
    """Anything except a plain decimal within scale and range is refused, never rounded."""
    with pytest.raises(DecimalError) as refusal:
        scaled(text, scale)
    assert error is type(refusal.value)


@given(decimals, scales)
def test_scaled_is_exact(text: str, scale: int) -> None:
    """The result is the exact product, or there is none because it is no integer or too large."""
    exact = Fraction(text) * 10**scale
    try:
        value = scaled(text, scale)
    except TooFineError:
        assert 1 != exact.denominator
    except TooLargeError:
        assert exact > MAX_EXACT
    else:
        assert exact == value <= MAX_EXACT


@given(st.integers(0, MAX_EXACT), scales)
def test_unscaled_and_back(value: int, scale: int) -> None:
    """Every scaled integer survives the way to a decimal string and back, and the string is its value."""
    text = unscaled(value, scale)
    assert Decimal(value).scaleb(-scale) == Decimal(text)
    assert value == scaled(text, scale)


@pytest.mark.parametrize(
    ("step", "scale"),
    [("0.01000000", 2), ("1.00000000", 0), ("10.0", 0), ("0.00000001", 8), ("0.05", 2), ("1", 0), ("0.000", 0)],
)
def test_scale_of(step: str, scale: int) -> None:
    """A step needs as many decimals as it has digits after the point, trailing zeros aside."""
    assert scale == scale_of(step)


@pytest.mark.parametrize("step", ["", "x", "-0.01", "1e-8", "0." + "0" * 15 + "1"])
def test_scale_of_refuses(step: str) -> None:
    """A step that is no plain decimal, or finer than any price can be, is refused."""
    with pytest.raises(DecimalError):
        scale_of(step)


@given(decimals)
def test_scale_of_is_enough(text: str) -> None:
    """A number fits the scale of its own digits, and no smaller one."""
    try:
        scale = scale_of(text)
    except DecimalError:
        assert len(text.partition(".")[2].rstrip("0")) > MAX_SCALE
        return
    assert 1 == (Fraction(text) * 10**scale).denominator
    if scale:
        assert 1 != (Fraction(text) * 10 ** (scale - 1)).denominator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("65234.5000", (652345, 1)),
        ("65234", (65234, 0)),
        ("65234.", None),
        ("0.00000001", (1, 8)),
        ("0.000", (0, 0)),
        ("0" * 5000 + "7.10", (71, 1)),
        ("9007199254740991", (MAX_EXACT, 0)),
    ],
)
def test_number(text: str, expected: tuple[int, int] | None) -> None:
    """A decimal string is read at the smallest scale that is exact, whatever zeros it is padded with."""
    if expected is None:
        with pytest.raises(DecimalError):
            number(text)
    else:
        assert expected == number(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("0.0000000000000001", TooFineError),
        ("0." + "1" * 5000, TooFineError),
        ("9007199254740992", TooLargeError),
        ("9007199254740.9931", TooLargeError),
        ("9" * 5000, TooLargeError),
        ("", DecimalError),
        ("-1", DecimalError),
        ("1e5", DecimalError),
        ("٣", DecimalError),
    ],
)
def test_no_number(text: str, error: type[DecimalError]) -> None:
    """A text that is no plain decimal, too fine, or too large at any scale is refused."""
    with pytest.raises(error):
        number(text)


@given(decimals, st.integers(0, 4))
def test_numbers_are_equal_where_values_are(text: str, zeros: int) -> None:
    """Two strings of one value are one number, and a number is its string's value at every scale that it fits."""
    try:
        value, scale = number(text)
    except DecimalError:
        return
    assert Decimal(text) == Decimal(value).scaleb(-scale)
    assert (value, scale) == number("0" * zeros + text + ("" if "." in text else ".") + "0" * (zeros + 1))
    for finer in range(scale, MAX_SCALE + 1):
        assert Decimal(text) == Decimal(at_scale((value, scale), finer)).scaleb(-finer)
