"""Bounds repeated errors in the log: an error of ours that somebody can cause again and again must not fill the disk.

Whoever logs what strangers do bounds that himself, by who did it. This is for the rest: errors, most of them with a
traceback. A cause is a line of code that logs. No I/O; times are those of the records.
"""

import logging
from typing import Final

from msgspec import Struct

MINUTE_S: Final = 60.0
MOST_ERRORS: Final = 20
"""Lines of one cause in a minute."""

Cause = tuple[str, int]
"""The path of a module, and the number of its line."""


class _Minute(Struct):
    began_at: float
    record: logging.LogRecord
    """The first of them."""
    count: int = 0


class LeftOut(Struct, frozen=True):
    """What was left out in a minute that is over."""

    first: logging.LogRecord
    """The first line of that cause, which was not left out."""
    count: int


class Repeats:
    """How often each cause has logged an error in its minute."""

    def __init__(self) -> None:
        self._minutes: dict[Cause, _Minute] = {}

    def may_log(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` is one of the first of its cause in a minute; less than an error always is."""
        if record.levelno < logging.ERROR:
            return True
        cause = record.pathname, record.lineno
        minute = self._minutes.get(cause)
        if minute is None:
            minute = self._minutes[cause] = _Minute(record.created, record)
        minute.count += 1
        return minute.count <= MOST_ERRORS

    def left_out(self, now: float) -> list[LeftOut]:
        """What was left out in the minutes that are over at ``now``, Unix seconds; each is said once."""
        # The clock may also have been put back.
        over = [cause for cause, minute in self._minutes.items() if not 0 <= now - minute.began_at < MINUTE_S]
        ended = [self._minutes.pop(cause) for cause in over]
        return [LeftOut(its.record, its.count - MOST_ERRORS) for its in ended if its.count > MOST_ERRORS]
