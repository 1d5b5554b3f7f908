"""binance-sdk-spot: a bare combined connection and SUBSCRIBE; ids are UUIDs, and types are checked strictly. REST."""

import asyncio
import sys

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_spot.spot import Spot
from saying import say, say_version


async def main(rest: str, streams: str) -> None:
    """Do all of it."""
    client = Spot(
        config_rest_api=ConfigurationRestAPI(api_key="", api_secret="", base_path=rest),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=streams),
    )
    say("REST ping, time", client.rest_api.time().data().server_time)
    say("REST ticker/price", client.rest_api.ticker_price(symbol="BTCUSDT").data().to_dict())
    say("REST ticker/24hr", client.rest_api.ticker24hr(symbol="BTCUSDT").data().to_dict())
    connection = await client.websocket_streams.create_connection()
    messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    quotes = await connection.book_ticker(symbol="btcusdt")
    quotes.on("message", lambda data: messages.put_nowait(data.to_dict()))
    for _ in range(2):
        say("combined bookTicker", await asyncio.wait_for(messages.get(), 30))
    await quotes.unsubscribe()
    figures: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    day = await connection.mini_ticker(symbol="btcusdt")
    day.on("message", lambda data: figures.put_nowait(data.to_dict()))
    say("combined miniTicker", await asyncio.wait_for(figures.get(), 30))
    await connection.close_connection(close_session=True)


say_version("binance-sdk-spot")
asyncio.run(main(*sys.argv[1:]))
