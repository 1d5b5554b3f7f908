"""unicorn-binance-websocket-api: a stream in the URL, others by SUBSCRIBE; all symbols by themselves."""

import json
import sys
import time
from typing import Any

from saying import say, say_version
from unicorn_binance_websocket_api import BinanceWebSocketApiManager


def read(manager: Any, stream: str, did: str, count: int, part: str) -> None:
    """Say the first messages of a stream that have ``part``."""
    until = time.monotonic() + 30
    while count and time.monotonic() < until:
        message = manager.pop_stream_data_from_stream_buffer(stream)
        if message and part in message:
            say(did, json.loads(message))
            count -= 1
        elif not message:
            time.sleep(0.02)
    if count:
        raise TimeoutError(did)


def main(streams: str) -> None:
    """Do all of it."""
    manager = BinanceWebSocketApiManager(
        exchange="binance.com", websocket_base_uri=f"{streams}/", warn_on_update=False, disable_colorama=True
    )
    quotes = manager.create_stream(["bookTicker"], ["btcusdt", "ethusdt"], stream_buffer_name=True)
    every = manager.create_stream(["arr"], ["!miniTicker"], stream_buffer_name=True)
    read(manager, quotes, "combined bookTicker", 4, "bookTicker")
    read(manager, every, "!miniTicker@arr", 1, "24hrMiniTicker")
    say("SUBSCRIBE", manager.subscribe_to_stream(quotes, channels=["miniTicker"], markets=["btcusdt"]))
    read(manager, quotes, "combined miniTicker", 1, "24hrMiniTicker")
    manager.stop_manager()


say_version("unicorn-binance-websocket-api")
main(sys.argv[2])
