"""Reads the full set of states from the bus's store when a heartbeat named a version that is not held."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gateway.fanout.feed.symbol_states.states import SymbolStates
from market.bus import BusDownError, LastValues
from market.wire.codec import CodecError, decode_states
from market.wire.topics import last_states

_AGAIN_S: Final = 1.0
"""Between two reads, or tries."""


class StatesReader:
    """Reads in a background task, one read at a time. Times are the event loop's."""

    def __init__(
        self,
        store: LastValues,
        states: SymbolStates,
        refuse: Callable[[str, str], None],
        taken: Callable[[], None],
        venue: str,
    ) -> None:
        """Read the states of ``venue``.

        ``refuse`` receives what cannot be read, and why. ``taken`` is called after each read that counts.
        """
        self._store = store
        self._venue = venue
        self._states = states
        self._refuse = refuse
        self._taken = taken
        self._reading: asyncio.Task[None] | None = None
        self._not_before = 0.0

    def read_if_due(self, now: float) -> None:
        """Start a read if one is needed, and none was started just now."""
        is_free = self._reading is None or self._reading.done()
        if self._states.outdated and now >= self._not_before and is_free:
            self._not_before = now + _AGAIN_S
            self._reading = asyncio.get_running_loop().create_task(self._read())

    def cancel(self) -> None:
        """The link is down: a read under way is worth nothing."""
        if self._reading is not None:
            self._reading.cancel()

    def take(self, payload: bytes | None) -> None:
        """Take ``payload``, as it was read from the store; None if there was nothing."""
        if payload is not None:
            try:
                self._states.read(decode_states(payload))
            except CodecError as error:
                self._refuse("not_states", str(error))

    async def _read(self) -> None:
        held = self._states.version
        with suppress(BusDownError):
            payload = await last_states(self._store, self._venue)
            # Otherwise heartbeats have brought newer states in the meantime.
            if self._states.version == held:
                self.take(payload)
                self._taken()
