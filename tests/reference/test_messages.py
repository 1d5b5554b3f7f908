"""What docs/faq.md answers is said by the programs."""

import re

import pytest

from tests.reference.messages import ELLIPSIS, is_said, texts_in
from tests.reference.pages import DOCS

FAQ = (DOCS / "faq.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^### `(.+)`$", FAQ, re.MULTILINE)
SHORTEST = 14
"""Letters of a message that are the same each time: fewer might be found anywhere."""


@pytest.mark.parametrize("message", QUOTED)
def test_each_message_that_is_quoted_is_in_the_code(message: str) -> None:
    """To the letter; what differs each time is an ellipsis."""
    assert len(message.replace(ELLIPSIS, "")) >= SHORTEST
    assert is_said(message)


def test_each_heading_of_a_question_is_a_message() -> None:
    """Whoever searches finds the words of the log."""
    assert len(re.findall(r"^### ", FAQ, re.MULTILINE)) == len(QUOTED) > 30


def test_values_and_docstrings_are_no_part_of_a_message() -> None:
    """A value is an ellipsis, whatever puts it in; words about the code are not said."""
    say = 'def say(name):\n    """More."""\n    log("%s of %d is " "late", 1)\n    return f"no {name!r}" " here"\n'
    assert ["… of … is late", "no … here"] == sorted(texts_in(f'"""Docs."""\n{say}'), key=len, reverse=True)


def test_a_message_that_nobody_says_is_found() -> None:
    """Words must be there, in their order, and nothing else before or behind them."""
    assert is_said("the poller is silent")
    assert not is_said("poller is silent")
    assert not is_said("the poller is … asleep")
