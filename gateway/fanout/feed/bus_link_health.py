"""Does a link to the bus that is up deliver anything useful?

If not, it is replaced, which resolves the address again. This happens seldom, because it may not be the link's fault.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from gateway.fanout.feed.delivery import LOST, Backoff, Delivery
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick
from market.bus import BusDownError, LastValues
from market.prices.symbols import Symbols
from market.wire.status import SymbolState
from market.wire.topics import last_ticks

IDLE_S: Final = 10.0
"""A link without tick and heartbeat for so long is replaced, the first time."""
LOST_S: Final = 3.0
"""At least so long between two replacements because ticks are lost."""
SELDOM_S: Final = 30.0
"""Both grow up to this while replacing does not help."""


class BusLinkHealth:
    """Judges one link after the other. Times are the event loop's."""

    def __init__(
        self,
        store: LastValues,
        symbols: Symbols,
        last: Mapping[str, FramedTick],
        state_of: Callable[[str], SymbolState],
        highest_seq: Callable[[], int],
        counters: Counters,
        rng: random.Random,
    ) -> None:
        """``last`` is each symbol's newest tick, ``highest_seq`` the highest valid seq now."""
        self._store = store
        self._delivery = Delivery(symbols, last, state_of, highest_seq)
        self._counters = counters
        self._idle = Backoff(IDLE_S, SELDOM_S, rng)
        self._lost = Backoff(LOST_S, SELDOM_S, rng)
        self._renewed_at = float("-inf")
        self._received: tuple[float, int] = (0.0, 0)
        self._received_at = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._wanted = ""
        """Why somebody else wants the link to be replaced."""

    def replace(self, reason: str) -> None:
        """The link is to be replaced at the next judgement, because of ``reason``. Without a link it means nothing."""
        self._wanted = reason

    def problem_of(self, venue: str) -> str:
        """What is wrong with ticks of ``venue`` over a link that is up, in words for clients; empty if nothing."""
        return self._delivery.problem_of(venue)

    @property
    def unreadable(self) -> frozenset[str]:
        """The symbols whose newest tick cannot be read here."""
        return self._delivery.unreadable

    def serve(self, symbols: Symbols) -> None:
        """Expect ticks of these symbols and of no others from now on."""
        self._delivery.serve(symbols)

    def count_missed(self, values: Mapping[str, bytes]) -> None:
        """A new link is up. ``values`` are the last values, none of them taken yet."""
        if self._delivery.problem == LOST:
            self._counters.ticks_missed += self._delivery.missed(values)

    def bus_link_up(self, now: float) -> None:
        """A new link is up, and the last values have been taken."""
        # The last values changed the counts too: that is no sign of life.
        self._received, self._received_at = (self._received[0], self._ticks()), now
        self._delivery.bus_link_up(now)
        self._wanted = ""

    def judge(self, now: float, heartbeat_at: Callable[[str | None], float], *, alive: bool) -> str:
        """Why the link is to be replaced, for the log; empty if it is not, or not yet.

        ``heartbeat_at`` says when the last heartbeat of a symbol's venue came, or of any venue for None. ``alive`` says
        whether heartbeats come over this link.
        """
        # Everything that a link delivers changes one of these.
        received = heartbeat_at(None), self._ticks()
        if received != self._received:
            self._received, self._received_at = received, now
            self._idle.reset()
        elif now - self._received_at >= self._idle.seconds:
            self._idle.grow()
            self._counters.bus_links_faulty["silent"] += 1
            return f"neither tick nor heartbeat for {now - self._received_at:.0f} s"
        if self._wanted:
            wanted, self._wanted = self._wanted, ""
            self._counters.bus_links_faulty["behind"] += 1
            return wanted
        delivery = self._delivery
        if alive and (self._asking is None or self._asking.done()) and (symbols := delivery.ask(now)):
            self._asking = asyncio.get_running_loop().create_task(self._ask(symbols))
        if delivery.judge(now, heartbeat_at) and now - self._renewed_at >= self._lost.seconds:
            self._renewed_at = now
            self._lost.grow()
            self._counters.bus_links_faulty["ticks_lost"] += 1
            return "heartbeats come, and ticks that the store has do not"
        if not delivery.problem:
            self._lost.reset()
        return ""

    def bus_link_down(self) -> None:
        """The link is down."""
        if self._asking is not None:
            self._asking.cancel()

    def _ticks(self) -> int:
        return self._counters.ticks_received + self._counters.ticks_old

    async def _ask(self, symbols: list[str]) -> None:
        # If the store does not answer, the next request will do.
        with suppress(BusDownError):
            values = await last_ticks(self._store, symbols)
            self._delivery.answered(symbols, values, asyncio.get_running_loop().time())
