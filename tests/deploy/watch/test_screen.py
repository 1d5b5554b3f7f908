"""Lines drawn in a terminal, in place."""

import pytest

from deploy.watch.screen import Screen


class Terminal:
    """Remembers what was written, and has a size."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.written: list[str] = []
        self.columns, self.lines = columns, lines

    def screen(self) -> Screen:
        return Screen(self.written.append, lambda: (self.columns, self.lines))


def test_the_terminal_is_as_before_at_the_end_and_the_last_lines_below() -> None:
    """Also where an error ends it."""
    terminal = Terminal()

    def fail() -> None:
        with terminal.screen() as screen:
            screen.draw(["one", "two"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert terminal.written[0] == "\x1b[?1049h\x1b[?25l"
    assert terminal.written[-2:] == ["\x1b[?25h\x1b[?1049l", "one\ntwo\n"]


def test_what_has_no_room_is_cut_off() -> None:
    """A line at the right, lines at the bottom, with how many there are; the size is asked for each time."""
    terminal = Terminal(columns=3, lines=2)
    with terminal.screen() as screen:
        screen.draw(["abcd", "efgh", "ijkl"])
        assert terminal.written[-1] == "\x1b[Habc\x1b[K\r\n...\x1b[K\x1b[J"
        terminal.columns, terminal.lines = 10, 3
        screen.draw(["abcd", "efgh", "ijkl"])
        assert terminal.written[-1] == "\x1b[Habcd\x1b[K\r\nefgh\x1b[K\r\nijkl\x1b[K\x1b[J"
