"""cryptofeed: the listing by REST, then the names in the URL. It takes only ``wss://``, so the gateway has TLS here."""

import asyncio
import sys
from typing import Any

from cryptofeed import FeedHandler
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
from cryptofeed.defines import TICKER
from cryptofeed.exchanges import Binance
from saying import say, say_version

COUNT = 4


async def quote(ticker: Any, _received: float) -> None:
    """Say a quote; end after some."""
    global COUNT
    raw = ticker.raw.get("data", ticker.raw)
    say("combined bookTicker", raw)
    COUNT -= 1
    if not COUNT:
        asyncio.get_running_loop().stop()


def main(rest: str, streams: str) -> None:
    """Do all of it."""
    Binance.websocket_endpoints = [WebsocketEndpoint(streams)]
    Binance.rest_endpoints = [RestEndpoint(rest, routes=Routes("/api/v3/exchangeInfo"))]
    handler = FeedHandler({"log": {"disabled": True}, "backend_multiprocessing": False})
    handler.add_feed(Binance(symbols=["BTC-USDT", "ETH-USDT"], channels=[TICKER], callbacks={TICKER: quote}))
    say("REST exchangeInfo", sorted(Binance.symbols()))
    handler.run(install_signal_handlers=False)


say_version("cryptofeed")
main(*sys.argv[1:])
