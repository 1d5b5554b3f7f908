"""What others wrote, made fit for a terminal and for a log.

A symbol's name, a reason, an exchange's answer or a client's header may hold anything: escape sequences that a terminal
obeys, line breaks that begin a line of their own, marks that turn the direction of writing. All of these are shown, and
none of them does anything.
"""

import re
import sys
from typing import Final

MOST: Final = 8192
"""Characters of one piece of text in a log."""


def cut(text: str) -> str:
    """``text``, but no more than `MOST` characters of it."""
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
    """Several lines, each made printable, and none of which begins where a log's own lines begin."""
    return "\n".join(f"  {printable(line)}" for line in re.split(r"\r?\n", text))


def complain(line: str) -> None:
    """Write one line to standard error, for who started a program that cannot go on."""
    print(printable(line), file=sys.stderr)  # noqa: T201 - what this is for


def _escaped(sign: str) -> str:
    # A surrogate on its own is what Python makes of a byte that is no UTF-8.
    return sign.encode("unicode_escape").decode()
