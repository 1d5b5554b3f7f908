"""Make foreign text safe for a terminal and for a log.

A symbol's name, a reason, an exchange's answer or a client's header may contain anything: escape sequences that a
terminal obeys, line breaks that start a false line, marks that change the direction of writing. All of these are shown
escaped, so that none has an effect.
"""

import re
import sys
from typing import Final

MOST: Final = 8192
"""The most characters of one piece of text in a log."""


def cut(text: str) -> str:
    """The first `MOST` characters of ``text``."""
    return text if len(text) <= MOST else f"{text[:MOST]}… ({len(text) - MOST} more characters)"


def printable(text: str) -> str:
    r"""``text`` in one line: what cannot be printed is shown as in a Python string (``\x1b``, ``\n``, ``\u202e``).

    Nothing is left but what Unicode calls printable, and the plain blank; more than `MOST` characters are cut off.
    """
    text = cut(text)
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def indented(text: str) -> str:
    """Several lines, each made printable and indented, so that none looks like a line of the log."""
    return "\n".join(f"  {printable(line)}" for line in re.split(r"\r?\n", text))


def complain(line: str) -> None:
    """Write one line to standard error, for the person who started a program that cannot continue."""
    print(printable(line), file=sys.stderr)  # noqa: T201 - what this is for


def _escaped(sign: str) -> str:
    # A surrogate on its own is what Python makes of a byte that is no UTF-8.
    return sign.encode("unicode_escape").decode()
