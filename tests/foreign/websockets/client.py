"""A client made with Python's websockets; ``tests/foreign/__init__.py`` says what it does."""

import json
import sys

from websockets.sync.client import connect


def main(url: str, way: str, *messages: str) -> None:
    with connect(url, compression="deflate" if way == "deflate" else None) as client:
        assert client.response is not None
        print(json.dumps({"extensions": client.response.headers.get("Sec-WebSocket-Extensions", "")}))
        for message in messages:
            client.send(message)
        batches = 0
        while batches < 3:
            message = client.recv()
            print(message)
            batches += json.loads(message)["type"] == "ticks"


main(*sys.argv[1:])
