"""python-binance: REST, single streams, several streams in one URL, times in microseconds, all symbols."""

import asyncio
import sys
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from saying import say, say_version


async def read(socket: Any, did: str, count: int = 2) -> None:
    """Say the first messages of a stream."""
    async with socket as stream:
        for _ in range(count):
            say(did, await stream.recv())


async def main(rest: str, streams: str) -> None:
    """Do all of it."""
    AsyncClient.API_URL = f"{rest}/api"
    BinanceSocketManager.STREAM_URL = f"{streams}/"
    client = await AsyncClient.create(time_unit="MICROSECOND")
    say("REST ping, time", client.timestamp_offset)
    say("REST exchangeInfo", await client.get_exchange_info())
    say("REST ticker/bookTicker", await client.get_orderbook_ticker(symbol="BTCUSDT"))
    say("REST ticker/bookTicker of all", await client.get_orderbook_tickers())
    say("REST ticker/price", await client.get_symbol_ticker(symbol="BTCUSDT"))
    say("REST ticker/24hr", await client.get_ticker(symbol="BTCUSDT"))
    manager = BinanceSocketManager(client)
    await asyncio.gather(
        read(manager.symbol_book_ticker_socket("BTCUSDT"), "bookTicker"),
        read(manager.symbol_miniticker_socket("BTCUSDT"), "miniTicker"),
        read(manager.symbol_ticker_socket("BTCUSDT"), "ticker"),
        read(manager.miniticker_socket(), "!miniTicker@arr", 1),
        read(manager.multiplex_socket(["btcusdt@bookTicker", "ethusdt@bookTicker"]), "combined bookTicker", 4),
    )
    await client.close_connection()


say_version("python-binance")
asyncio.run(main(*sys.argv[1:]))
