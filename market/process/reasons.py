"""Why something fails, said in the log once for each reason, though it is tried again and again."""

from typing import Final

MOST_REASONS: Final = 4
"""Of one failure. What a server says may be another text each time."""


class Reasons:
    """The reasons of one failure that were said already."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def is_new(self, reason: str, *, anew: bool) -> bool:
        """Whether to say ``reason``, which counts as said after this; ``anew`` is whether it worked in between.

        The first reason is often only that a connection was closed. The next one says why there is no other.
        """
        if anew:
            self._said.clear()
        if reason in self._said or len(self._said) == MOST_REASONS:
            return False
        self._said.add(reason)
        return True
