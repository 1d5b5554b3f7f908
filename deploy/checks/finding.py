"""What a check has found: one line for people, or one object for machines."""

from typing import Final, Literal

from msgspec import Struct

from market.process.printable import printable

Mark = Literal["ok", "warning", "wrong"]

_WIDTH: Final = 10
"""Of the longest subject, so that the texts stand below each other."""


class Finding(Struct, frozen=True):
    """One thing that works, or does not."""

    mark: Mark
    subject: str
    """What was looked at, in one word."""
    text: str
    """What is so."""
    fix: str = ""
    """What to do about it; empty where there is nothing to do."""

    @property
    def line(self) -> str:
        """For people."""
        fix = f"; {self.fix}" if self.fix else ""
        return printable(f"{self.mark:<8} {self.subject:<{_WIDTH}} {self.text}{fix}")


def split(subject: str, message: str, mark: Mark = "wrong") -> Finding:
    """A finding of an error's ``message``, which says after its last semicolon how to fix it."""
    text, _, fix = message.rpartition("; ")
    return Finding(mark, subject, text or fix, fix if text else "")
