"""The ticks of every bench: plausible, and all of the same length, so that counting is cheap."""

import random

from msgspec import UNSET, UnsetType

from market.prices.tick import Tick
from market.wire.status import BatchLayout, Heartbeat

SYMBOLS = tuple(f"C{index:02d}USDT" for index in range(100))
"""A hundred names of equal length."""


class TickMaker:
    """Makes ticks whose numbers change but never gain or lose a digit."""

    def __init__(self, rng: random.Random, first_seq: int) -> None:
        self._rng = rng
        self.last_seq = dict.fromkeys(SYMBOLS, first_seq)
        """Symbol -> the sequence number of its newest tick."""

    def tick(self, symbol: str, recv_us: int) -> Tick:
        """The next tick of ``symbol``, received at ``recv_us``, microseconds since the Unix epoch."""
        self.last_seq[symbol] += 1
        move = self._rng.getrandbits(16)
        bid = 6_500_000 + move
        return Tick(
            symbol=symbol,
            seq=self.last_seq[symbol],
            bid=bid,
            ask=bid + 1,
            bid_size=120_000 + move,
            ask_size=340_000 + move,
            last=bid,
            price_scale=2,
            size_scale=5,
            recv_us=recv_us,
        )


def heartbeat(now_us: int, since_us: int, batches: BatchLayout | UnsetType = UNSET) -> Heartbeat:
    """A heartbeat that says all is well."""
    return Heartbeat(source="simulated", link="up", since_us=since_us, sent_us=now_us, batches=batches)
