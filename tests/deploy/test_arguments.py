"""Numbers on the command line."""

import argparse

import pytest

from deploy.arguments import count, seconds


@pytest.mark.parametrize(("text", "expected"), [("5", 5), ("5s", 5), (" 0.5 ", 0.5), ("60", 60)])
def test_seconds(text: str, expected: float) -> None:
    """With or without their unit."""
    assert expected == seconds(0.5, 60)(text)


@pytest.mark.parametrize("text", ["", "s", "soon", "5m", "nan", "inf", "61", "0.4", "-1"])
def test_what_is_no_such_time(text: str) -> None:
    """The error says what to write."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"is no number from 0\.5 to 60"):
        seconds(0.5, 60)(text)


def test_counts() -> None:
    """Whole numbers within bounds, in plain digits."""
    assert (1, 9) == (count(1, 9)("1"), count(1, 9)("9"))
    for text in ("", "0", "10", "-1", "1.0", "1e3", "²", "9" * 30):
        with pytest.raises(argparse.ArgumentTypeError, match="is no whole number from 1 to 9"):
            count(1, 9)(text)
