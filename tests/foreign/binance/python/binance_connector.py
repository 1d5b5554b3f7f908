"""binance-connector: REST, then a bare connection and SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS; ids are times."""

import json
import queue
import sys
from typing import Any

from binance.spot import Spot
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from saying import say, say_version


class Messages:
    """What came."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()

    def put(self, _client: Any, message: str) -> None:
        self._queue.put(json.loads(message))

    def next(self, key: str) -> Any:
        """The next message with this key."""
        while key not in (message := self._queue.get(timeout=30)):
            pass
        return message


def main(rest: str, streams: str) -> None:
    """Do all of it."""
    spot = Spot(base_url=rest)
    say("REST ping, time", spot.time()["serverTime"])
    say("REST exchangeInfo", spot.exchange_info(symbols=["BTCUSDT", "ETHUSDT"]))
    say("REST ticker/bookTicker", spot.book_ticker("BTCUSDT"))
    say("REST ticker/price", spot.ticker_price("BTCUSDT"))
    say("REST ticker/24hr", spot.ticker_24hr("BTCUSDT"))
    messages = Messages()
    client = SpotWebsocketStreamClient(stream_url=streams, on_message=messages.put)
    client.book_ticker("btcusdt")
    say("SUBSCRIBE", messages.next("result"))
    for _ in range(2):
        say("bookTicker", messages.next("u"))
    client.list_subscribe()
    say("LIST_SUBSCRIPTIONS", messages.next("result"))
    client.book_ticker("btcusdt", action=SpotWebsocketStreamClient.ACTION_UNSUBSCRIBE)
    say("UNSUBSCRIBE", messages.next("result"))
    client.mini_ticker("btcusdt")
    say("miniTicker", messages.next("c"))
    client.stop()
    wrapped = Messages()
    combined = SpotWebsocketStreamClient(stream_url=streams, on_message=wrapped.put, is_combined=True)
    combined.subscribe(["btcusdt@bookTicker", "ethusdt@bookTicker"])
    for _ in range(4):
        say("combined bookTicker", wrapped.next("stream"))
    combined.stop()


say_version("binance-connector")
main(*sys.argv[1:])
