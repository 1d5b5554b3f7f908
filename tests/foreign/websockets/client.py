"""A client made with Python's websockets; ``tests/foreign/__init__.py`` says what it does."""

import functools
import json
import sys

from websockets.sync.client import connect

say = functools.partial(print, flush=True)


def main(url: str, way: str, *messages: str) -> None:
    """Connect, send ``messages``, and print what comes until three batches have come."""
    with connect(url, compression="deflate" if way == "deflate" else None) as client:
        assert client.response is not None
        say(json.dumps({"extensions": client.response.headers.get("Sec-WebSocket-Extensions", "")}))
        for message in messages:
            client.send(message)
        batches = 0
        while batches < 3:
            heard = client.recv()
            say(heard)
            batches += json.loads(heard)["type"] == "ticks"


main(*sys.argv[1:])
