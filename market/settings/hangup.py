"""SIGHUP: read the settings again. It never ends a program that listens to it."""

import asyncio
import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from market.process.events import SETTINGS_FAILED, SETTINGS_REFUSED
from market.settings.environ import SettingError

S = TypeVar("S")

logger = logging.getLogger(__name__)


class Hangup:
    """A program's SIGHUP, from before it reads its settings until it ends."""

    def __init__(self) -> None:
        """Listen from now on. Only the main thread can do that."""
        self._before_loop = False
        signal.signal(signal.SIGHUP, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._before_loop = True

    def listen(self) -> asyncio.Event:
        """Let the running event loop listen. Each SIGHUP sets the event returned; an earlier one has set it already."""
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        if self._before_loop:
            asked.set()
        return asked

    def ignore(self) -> None:
        """Ignore it from now on: the program is ending, and its exit code must be that of its own end."""
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


async def reload_whenever(asked: asyncio.Event, read: Callable[[], S], apply: Callable[[S], None]) -> None:
    """Whenever ``asked`` is set, `read` settings and `apply` them, until cancelled. Ten at once are one or two.

    ``read`` runs in a thread, because a file may be on a slow disk. If either raises `SettingError`, the error is
    logged and nothing changes.
    """
    while True:
        await asked.wait()
        asked.clear()
        try:
            apply(await asyncio.to_thread(read))
        except SettingError as error:
            logger.error(SETTINGS_REFUSED, error)  # noqa: TRY400 - one line, no traceback
        except Exception:
            logger.exception(SETTINGS_FAILED)
