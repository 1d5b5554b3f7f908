"""A short time for connections over a limit: one of them may be a balancer's probe.

The checks of a proxy that is not in `TRUSTED_PROXIES` come from the same address as its clients. If they were refused
with its clients, the proxy would take this gateway for dead, for all of them.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Final

from gateway.admission.limits.buckets import KeyedBuckets, Rate, Tally

GRACE_S: Final = 0.25
"""A balancer sends its probe together with the connection."""

MOST_OF_ONE: Final = 100
"""So many connections of one address may wait; further ones are refused at once. One turn of the event loop may accept
many connections before it reads any."""

MOST_PER_S: Final = 500
"""So many probes of one address are answered in a second. A balancer that shares its address with a faster flood of
probes is not always answered. Other requests do not count here."""


class GracePeriods:
    """The connections that have such a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting = Tally()
        self._answered = KeyedBuckets(Rate(MOST_PER_S, MOST_PER_S * GRACE_S))
        self._given: dict[Hashable, tuple[str, asyncio.TimerHandle]] = {}

    def give(self, who: Hashable, key: str, over: Callable[[], None]) -> bool:
        """Whether ``who``, of the address ``key``, gets the time; then ``over`` is called at its end."""
        if not self._waiting.enter(key, MOST_OF_ONE):
            return False
        self._given[who] = key, self._loop.call_later(GRACE_S, over)
        return True

    def may_ask(self, key: str) -> bool:
        """Whether one more probe of the address ``key`` is answered."""
        return self._answered.take(key, self._loop.time()) == "ok"

    def end(self, who: Hashable) -> None:
        """``who`` has sent its request, was refused, or has gone."""
        given = self._given.pop(who, None)
        if given is not None:
            key, timer = given
            timer.cancel()
            self._waiting.leave(key)

    def __len__(self) -> int:
        """The number that wait."""
        return len(self._given)
