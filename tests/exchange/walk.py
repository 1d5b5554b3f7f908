"""Prices that move by themselves, for trying things by hand."""

import asyncio
import random

from tests.exchange.server import Exchange


async def walk(exchange: Exchange, seed: int, changes_per_s: float) -> None:
    """Move a random symbol's price by a cent or so, again and again; the same seed gives the same prices."""
    rng = random.Random(seed)
    cents = {symbol: rng.randrange(10_000, 10_000_000) for symbol in exchange.market.quotes}
    while True:
        symbol = rng.choice(list(cents))
        cents[symbol] = max(1, cents[symbol] + rng.randint(-5, 5))
        bid, ask = cents[symbol], cents[symbol] + 1
        exchange.quote(
            symbol,
            bid=f"{bid // 100}.{bid % 100:02d}000000",
            bid_size=f"{rng.randint(1, 9)}.50000000",
            ask=f"{ask // 100}.{ask % 100:02d}000000",
            ask_size=f"{rng.randint(1, 9)}.25000000",
            last=f"{bid // 100}.{bid % 100:02d}000000",
        )
        await asyncio.sleep(1 / changes_per_s)
