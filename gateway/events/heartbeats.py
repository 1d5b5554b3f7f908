"""Signs of life for all streams: for proxies, which end what is silent, and for pages, which see no comments.

One sweep serves all, a few at a time.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.events.messages import Heartbeat, written
from gateway.events.stream import EventStream

_SLICES: Final = 16


class Heartbeats:
    """Writes an event to each stream, twice in ``heartbeat_s``."""

    def __init__(self, heartbeat_s: float, is_slow: Callable[[EventStream], bool], now_us: Callable[[], int]) -> None:
        """A stream that ``is_slow`` gets prices as soon as it reads, and nothing else meanwhile."""
        self._is_slow = is_slow
        self._now_us = now_us
        self._slice_s = heartbeat_s / 2 / _SLICES
        self._slices: list[dict[EventStream, None]] = [{} for _ in range(_SLICES)]
        self._slice_of: dict[EventStream, dict[EventStream, None]] = {}
        self._next = 0
        self._any = asyncio.Event()
        """Set while there are streams: a process without any is not woken up."""

    def add(self, stream: EventStream) -> None:
        """Serve ``stream`` from now on."""
        # The slice served last: a new stream needs no sign of life yet.
        self._slice_of[stream] = chosen = self._slices[self._next - 1]
        chosen[stream] = None
        self._any.set()

    def remove(self, stream: EventStream) -> None:
        """``stream`` is gone."""
        del self._slice_of.pop(stream)[stream]
        if not self._slice_of:
            self._any.clear()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await self._any.wait()
            await asyncio.sleep(self._slice_s)
            self.sweep_slice()

    def sweep_slice(self) -> None:
        """Serve the next slice."""
        streams = self._slices[self._next]
        self._next = (self._next + 1) % _SLICES
        if not streams:
            return
        beat = written(Heartbeat(server_us=self._now_us()))
        for stream in tuple(streams):
            if not self._is_slow(stream):
                stream.send(beat)
