"""``python -m tests.exchange.coinbase --port 9001``: the exchange by hand, with prices that walk."""

import argparse
import asyncio
import random
from contextlib import suppress

from tests.exchange.coinbase.server import CoinbaseExchange


async def _main(products: list[str], port: int, seed: int, changes_per_s: float) -> None:
    rng = random.Random(seed)
    async with CoinbaseExchange(products, port=port) as exchange:
        print(f"COINBASE_REST_URL={exchange.rest_url} COINBASE_WS_URL={exchange.ws_url}", flush=True)  # noqa: T201
        cents = dict.fromkeys(products, 10_000)
        while True:
            await asyncio.sleep(1 / changes_per_s)
            product = rng.choice(products)
            cents[product] = max(1_000, cents[product] + rng.randrange(-5, 6))
            bid, ask = cents[product] / 100, (cents[product] + 1) / 100
            exchange.quote(product, f"{bid:.2f}", f"{ask:.2f}", f"{rng.randrange(1, 500) / 100:.8f}")
            if rng.random() < 0.2:
                exchange.trade(product, f"{bid:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.exchange.coinbase", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--products", default="BTC-USD,ETH-USD,SOL-USD", help="comma-separated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changes-per-s", type=float, default=20.0)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(options.products.split(","), options.port, options.seed, options.changes_per_s))
