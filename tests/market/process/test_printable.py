"""Text of strangers, for terminals and logs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.process.printable import MOST, complain, cut, indented, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 币安人生USDT, 5 € \U0001f600", "plain, 币安人生USDT, 5 € \U0001f600"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("one\ntwo\r\nthree\x0b\x0c\x85\u2028\u2029", r"one\ntwo\r\nthree\x0b\x0c\x85\u2028\u2029"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj.exe\u2066\u200b\ufeff", r"\u202egpj.exe\u2066\u200b\ufeff"),
        ("\x00\t\x08\x7f", r"\x00\t\x08\x7f"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
    ids=["plain", "escape sequence", "line breaks", "C1", "direction", "control", "not UTF-8", "tags"],
)
def test_what_does_something_is_shown_instead(text: str, shown: str) -> None:
    """Characters that a terminal or a reader of lines would obey are shown escaped, as in a Python string."""
    assert shown == printable(text)


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_is_left_that_cannot_be_printed(text: str) -> None:
    """Every text becomes one printable line; a printable line stays unchanged."""
    shown = printable(text)
    assert shown.isprintable()
    assert shown == printable(shown)


def test_long_text_is_cut() -> None:
    """A too long text is shown by its beginning and its length."""
    assert f"{'x' * MOST}… (7 more characters)" == printable("x" * (MOST + 7)) == cut("x" * (MOST + 7))
    assert "x" * MOST == printable("x" * MOST)


def test_lines_below_a_line_are_indented() -> None:
    """Indented lines never look like lines of the log."""
    assert "  one\n  2026-01-01 INFO all is well\\x1b[0m\n  " == indented("one\n2026-01-01 INFO all is well\x1b[0m\n")


def test_last_words(capsys: pytest.CaptureFixture[str]) -> None:
    """The last words of a program that cannot continue are one line on standard error."""
    complain("no\nsuch \x1b[31mfile")
    assert "no\\nsuch \\x1b[31mfile\n" == capsys.readouterr().err
