"""A moment for who met a limit of connections: it may be a balancer that asks whether we live.

Its checks come from the address that its clients come from, where nobody told us that it is a proxy. Were they refused
with its clients, it would take this gateway for dead, for all of them.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Final

from gateway.admission.limits import KeyedBuckets, Rate, Tally

GRACE_S: Final = 0.25
"""A balancer sends its question with the connection."""

MOST_OF_ONE: Final = 100
"""So many of one address wait to be heard; further ones are refused at once. A turn of the event loop may accept many
connections before it reads of any."""

MOST_PER_S: Final = 500
"""So many probes of one address are answered in a second; whoever shares its address with a faster flood of probes than
this is not always answered. Who asks for anything else takes nothing of it."""


class GracePeriods:
    """Those who are heard for a moment."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting = Tally()
        self._answered = KeyedBuckets(Rate(MOST_PER_S, MOST_PER_S * GRACE_S))
        self._given: dict[Hashable, tuple[str, asyncio.TimerHandle]] = {}

    def give(self, who: Hashable, key: str, over: Callable[[], None]) -> bool:
        """Whether ``who``, of the address ``key``, is heard; then ``over`` is called when its moment is."""
        if not self._waiting.enter(key, MOST_OF_ONE):
            return False
        self._given[who] = key, self._loop.call_later(GRACE_S, over)
        return True

    def may_ask(self, key: str) -> bool:
        """Whether one more probe of the address ``key`` is answered."""
        return self._answered.take(key, self._loop.time()) == "ok"

    def end(self, who: Hashable) -> None:
        """``who`` was heard, or refused, or has gone."""
        given = self._given.pop(who, None)
        if given is not None:
            key, timer = given
            timer.cancel()
            self._waiting.leave(key)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._given)
