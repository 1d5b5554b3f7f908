"""What the programs say: written down, counted, and searched for what should not be there."""

from collections import Counter
from typing import Final, TextIO

_MOST_WRONG: Final = 20
_SIGNS: Final = ('"level":"ERROR"', '"level":"CRITICAL"', "Traceback")


class Log:
    """Takes every line of every program."""

    def __init__(self, file: TextIO | None = None) -> None:
        """``file`` is where all of it goes."""
        self._file = file
        self.lines: Counter[str] = Counter()
        """By program."""
        self.wrong: list[str] = []

    def __call__(self, name: str, line: str) -> None:
        """Take one line of one program."""
        self.lines[name] += 1
        if self._file is not None:
            self._file.write(f"{name:<9} | {line}\n")
        # The launcher only speaks of what has ended by itself, and clients only of what they did not expect.
        unexpected = name == "deploy" or name.startswith("clients") or any(sign in line for sign in _SIGNS)
        if unexpected and len(self.wrong) < _MOST_WRONG:
            self.wrong.append(f"{name} said: {line[:2000]}")
