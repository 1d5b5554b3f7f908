"""ccxt: the markets by REST, then best bids and asks, and tickers of one symbol and of all, each by SUBSCRIBE."""

import asyncio
import sys

import ccxt.pro as ccxt
from saying import say, say_version


async def main(rest: str, streams: str) -> None:
    """Do all of it."""
    exchange = ccxt.binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
    exchange.urls["api"]["public"] = f"{rest}/api/v3"
    exchange.urls["api"]["ws"]["spot"] = f"{streams}/streams/ws"
    try:
        markets = await exchange.load_markets()
        say("REST exchangeInfo", sorted(markets))
        say("REST ticker/24hr", (await exchange.fetch_ticker("BTC/USDT"))["info"])
        say("REST ticker/bookTicker of all", [one["info"] for one in (await exchange.fetch_bids_asks()).values()])
        for _ in range(2):
            quotes = await exchange.watch_bids_asks(["BTC/USDT", "ETH/USDT"])
            for quote in quotes.values():
                say("bookTicker", quote["info"])
        say("miniTicker", (await exchange.watch_ticker("BTC/USDT", {"name": "miniTicker"}))["info"])
        say("ticker", (await exchange.watch_ticker("BTC/USDT", {"name": "ticker"}))["info"])
        every = await exchange.watch_tickers(None, {"name": "miniTicker"})
        say("!miniTicker@arr", [one["info"] for one in every.values()])
    finally:
        await exchange.close()
    # The other way: wrapped messages, where arrays are dropped by this library.
    wrapped = ccxt.binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
    wrapped.urls["api"]["public"] = f"{rest}/api/v3"
    wrapped.urls["api"]["ws"]["spot"] = f"{streams}/stream"
    try:
        say("combined bookTicker", (await wrapped.watch_bids_asks(["BTC/USDT"]))["BTC/USDT"]["info"])
    finally:
        await wrapped.close()


say_version("ccxt")
asyncio.run(main(*sys.argv[1:]))
