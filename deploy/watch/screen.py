"""Draws lines in a terminal, in place. What was on it before is there again at the end, and the last lines below it."""

import shutil
from collections.abc import Callable, Sequence
from typing import Final

from deploy.watch.text import cut

_BEGIN: Final = "\x1b[?1049h\x1b[?25l"  # the other screen, no cursor (xterm's control sequences, DECSET)
_END: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"


class Screen:
    """A terminal that is drawn on; use it as a context manager."""

    def __init__(self, write: Callable[[str], object], size: Callable[[], tuple[int, int]] | None = None) -> None:
        """``write`` takes text for the terminal. ``size`` gives its columns and lines."""
        self._write = write
        self._size = size or shutil.get_terminal_size
        self._last: Sequence[str] = ()

    def __enter__(self) -> "Screen":
        self._write(_BEGIN)
        return self

    def __exit__(self, *_: object) -> None:
        self._write(_END)
        self._write("".join(f"{text}\n" for text in self._last))

    def draw(self, lines: Sequence[str]) -> None:
        """Show ``lines`` in place of those from before; what has no room is cut off."""
        self._last = lines
        width, height = self._size()
        shown = list(lines)
        if len(shown) > height:
            more = len(shown) - height + 1
            shown = [*shown[: height - 1], f"... {more} more"]
        body = "\r\n".join(cut(text, width) + _REST_OF_LINE for text in shown)
        self._write(_HOME + body + _REST_OF_SCREEN)
