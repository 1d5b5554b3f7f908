"""The `websockets` library and its own fan-out: ``broadcast(connections, text)`` for each tick.

python -m bench.baselines.broadcast PORT REDIS_URL
"""

import asyncio
import json
import sys
from collections import defaultdict
from typing import Any

from redis.asyncio import Redis
from websockets.asyncio.server import ServerConnection, broadcast, serve

clients: defaultdict[str, set[ServerConnection]] = defaultdict(set)
last: dict[str, str] = {}


async def handle(connection: ServerConnection) -> None:
    """One client: it subscribes, gets snapshots, and stays."""
    try:
        async for message in connection:
            symbols = json.loads(message)["symbols"]
            await connection.send(json.dumps({"type": "subscribed", "symbols": symbols}))
            for symbol in symbols:
                clients[symbol].add(connection)
                if symbol in last:
                    await connection.send('{"type":"snapshot",' + last[symbol][1:])
    finally:
        for members in clients.values():
            members.discard(connection)


async def main(port: int, url: str) -> None:
    """Serve until ended, and send every tick to everyone who wants it."""
    redis: Any = Redis.from_url(url, decode_responses=True)
    last.update(await redis.hgetall("ticks"))
    async with serve(handle, "127.0.0.1", port, compression=None, backlog=4096), redis.pubsub() as pubsub:
        await pubsub.psubscribe("tick.*")
        async for message in pubsub.listen():
            if message["type"] == "pmessage":
                symbol = message["channel"].removeprefix("tick.")
                last[symbol] = message["data"]
                broadcast(clients[symbol], '{"type":"tick",' + message["data"][1:])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
