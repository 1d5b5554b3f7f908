"""The obvious way: aiohttp, and ``await ws.send_str(...)`` for each client of each tick.

python -m bench.baselines.send_str PORT REDIS_URL
"""

import asyncio
import sys
from collections import defaultdict
from typing import Any

from aiohttp import WSMsgType, web
from redis.asyncio import Redis

clients: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)
last: dict[str, str] = {}


async def serve(request: web.Request) -> web.WebSocketResponse:
    """One client: it subscribes, gets snapshots, and stays."""
    ws = web.WebSocketResponse(compress=False)
    await ws.prepare(request)
    try:
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                symbols = message.json()["symbols"]
                await ws.send_json({"type": "subscribed", "symbols": symbols})
                for symbol in symbols:
                    clients[symbol].add(ws)
                    if symbol in last:
                        await ws.send_str('{"type":"snapshot",' + last[symbol][1:])
    finally:
        for members in clients.values():
            members.discard(ws)
    return ws


async def feed(url: str) -> None:
    """Send every tick to everyone who wants it."""
    redis: Any = Redis.from_url(url, decode_responses=True)
    last.update(await redis.hgetall("ticks"))
    async with redis.pubsub() as pubsub:
        await pubsub.psubscribe("tick.*")
        async for message in pubsub.listen():
            if message["type"] != "pmessage":
                continue
            symbol = message["channel"].removeprefix("tick.")
            last[symbol] = message["data"]
            text = '{"type":"tick",' + message["data"][1:]
            for ws in tuple(clients[symbol]):
                try:
                    await ws.send_str(text)
                except ConnectionError:
                    clients[symbol].discard(ws)


async def main(port: int, url: str) -> None:
    """Serve until ended."""
    app = web.Application()
    app.router.add_get("/ws", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    await feed(url)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
