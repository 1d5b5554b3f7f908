"""Which functions of ours are entered while something runs, in order, and what each was entered from.

A function is entered from the one that calls it, or by the event loop. Where the event loop calls what a function of
ours had it call later (`call_soon`, a timer, an event that wakes a task), it was entered from that one too, by way of
the loop. The event loop must be asyncio's own: its handles can be seen, uvloop's cannot. What ours writes to a socket
is recorded too, as a call of `WRITE`.
"""

import asyncio
import os
import sys
from asyncio import selector_events
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
OURS = tuple(f"{ROOT / package}/" for package in ("market", "poller", "gateway"))

WRITE = "written to a socket"

_RUN = asyncio.Handle._run.__code__
_SCHEDULING = {asyncio.BaseEventLoop.call_soon.__code__, asyncio.BaseEventLoop.call_at.__code__}
_TRANSPORT_WRITE = selector_events._SelectorSocketTransport.write.__code__  # type: ignore[attr-defined]


class Call(NamedTuple):
    """One function, entered once. A coroutine is entered again each time that it goes on."""

    path: str
    """Of its file, below the root."""
    name: str
    """As its class and its function around it name it: ``Hub.publish``."""
    parent: int | None
    """The number of the call that it was entered from; None where nothing of ours has led to it."""
    by_loop: bool
    """Whether the event loop entered it, at once or through code of others."""


class _Recorder:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._running: dict[FrameType, int] = {}
        self._origins: dict[int, int | None] = {}
        """Handle → the call that led to it."""
        self._handles: list[Any] = []
        """All of them, so that no number is given again."""

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(OURS):
            parent, by_loop = self._from(frame)
            path = code.co_filename[len(str(ROOT)) + 1 :]
            self._running[frame] = len(self.calls)
            self.calls.append(Call(path, code.co_qualname.replace(".<locals>", ""), parent, by_loop))
        elif (event == "c_call" and arg is os.write and frame in self._running) or (
            event == "call" and code is _TRANSPORT_WRITE
        ):
            parent = self._running[frame] if event == "c_call" else self._from(frame)[0]
            self.calls.append(Call("", WRITE, parent, by_loop=False))
        elif event == "return":
            self._running.pop(frame, None)
            if code in _SCHEDULING and arg is not None:
                self._handles.append(arg)
                self._origins[id(arg)] = self._from(frame)[0]

    def _from(self, frame: FrameType) -> tuple[int | None, bool]:
        """The call of ours that ``frame`` is entered from, and whether the event loop is between them."""
        above = frame.f_back
        while above is not None:
            if above in self._running:
                return self._running[above], False
            if above.f_code is _RUN:
                return self._origins.get(id(above.f_locals["self"])), True
            above = above.f_back
        return None, True


@contextmanager
def recorded_calls() -> Iterator[list[Call]]:
    """Record what is entered in this thread within the block."""
    recorder = _Recorder()
    before = sys.getprofile()
    sys.setprofile(recorder)
    try:
        yield recorder.calls
    finally:
        sys.setprofile(before)
