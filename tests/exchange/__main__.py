"""``python -m tests.exchange --port 9000``: the exchange by hand, with prices that walk."""

import argparse
import asyncio
from contextlib import suppress

from tests.exchange.server import Exchange
from tests.exchange.walk import walk


async def _main(symbols: list[str], host: str, port: int, seed: int, changes_per_s: float) -> None:
    async with Exchange(symbols, host=host, port=port) as exchange:
        print(f"BINANCE_REST_URL={exchange.rest_url} BINANCE_WS_URL={exchange.ws_url}", flush=True)  # noqa: T201
        await walk(exchange, seed, changes_per_s)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.exchange", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT,SOLUSDT", help="comma-separated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changes-per-s", type=float, default=20.0)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(options.symbols.split(","), options.host, options.port, options.seed, options.changes_per_s))
