"""Lines in the log that strangers can cause: each subject has one in a minute, and only so many have any."""

import asyncio

import pytest

from gateway.admission.limits.once_a_minute import MINUTE_S, OnceAMinute, printable
from tests.fakes import run_virtual


def test_each_subject_has_its_line_once_a_minute() -> None:
    """Others beyond a few are counted, and the count is told at the end of the minute, if there is one."""

    async def main() -> None:
        counts: list[int] = []
        lines = OnceAMinute(2, counts.append)
        assert [True, False, True, False, False] == [lines.may_log(subject) for subject in "aabcc"]
        await asyncio.sleep(MINUTE_S + 1)
        assert [2] == counts
        assert [True, False] == [lines.may_log("a"), lines.may_log("a")]
        lines.close()
        lines.close()
        assert [2] == counts

    run_virtual(main())


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\u202eevil", "é" * 5000, "x" * 5000, "\ud800"], ids=ascii)
def test_what_a_stranger_wrote_is_shown_as_one_short_line(text: str) -> None:
    """Nothing of it can forge a line, or move a terminal's cursor."""
    shown = printable(text)
    assert (True, True) == (shown.isascii(), shown.isprintable())
    assert len(shown) < 1500
