"""Bounds the lines of the log that strangers can cause: each subject has one in a minute, and only so many have any.

Under attack it is asked for every refusal, and then costs a look into a set.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Final

MINUTE_S: Final = 60.0

_LONGEST: Final = 100
"""Characters of a stranger's text that are shown."""


class OnceAMinute:
    """Which subjects have had their line in this minute."""

    def __init__(self, most: int, rest: Callable[[int], None]) -> None:
        """``most`` subjects have a line in a minute; ``rest`` is told how often others asked for one, at its end."""
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._rest = rest
        self._reported: set[Hashable] = set()
        self._others = 0
        self._minute: asyncio.TimerHandle | None = None

    def may_log(self, subject: Hashable) -> bool:
        """Whether ``subject`` has its line now; each True is one line."""
        if subject in self._reported:
            return False
        if len(self._reported) >= self._most:
            self._others += 1
            return False
        if self._minute is None:
            self._minute = self._loop.call_later(MINUTE_S, self._begin_again)
        self._reported.add(subject)
        return True

    def close(self) -> None:
        """The last minute ends now."""
        if self._minute is not None:
            self._minute.cancel()
            self._begin_again()

    def _begin_again(self) -> None:
        others, self._others = self._others, 0
        self._reported.clear()
        self._minute = None
        if others:
            self._rest(others)


def printable(text: str) -> str:
    """``text`` as printable ASCII in one line, of bounded length."""
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return text if text.isascii() and text.isprintable() else ascii(text)
