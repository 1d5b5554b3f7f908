"""A gateway that plays a script: real sockets, and no code of ours behind them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from ssl import SSLContext
from typing import Any

import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

RECV_US = 1_795_000_000_000_000

Script = Callable[[ServerConnection], Awaitable[None]]

WELCOME = {"type": "welcome", "client": "e047810f", "heartbeat_s": 20}
LIVE = {"type": "status", "feed": "live", "reason": "", "source": "simulated", "since_us": 1, "venue": "binance"}


def tick(symbol: str, bid: int) -> dict[str, Any]:
    """Make a price at scale 2."""
    numbers = {"seq": 1, "bid": bid, "price_scale": 2, "size_scale": 0, "recv_us": RECV_US}
    return {"type": "tick", "symbol": symbol, **numbers}


async def say(socket: ServerConnection, *messages: dict[str, Any]) -> None:
    """Send messages."""
    for message in messages:
        await socket.send(orjson.dumps(message).decode())


async def greet(socket: ServerConnection, *symbols: str, **told: int) -> dict[str, Any]:
    """Begin as a gateway does, and answer the subscribe with these symbols. Returns it. ``told`` is in the welcome."""
    await say(socket, WELCOME | told, LIVE)
    asked: dict[str, Any] = orjson.loads(await socket.recv())
    await say(socket, {"type": "subscribed", "symbols": list(symbols), "id": asked.get("id")})
    return asked


class Gateway:
    """Plays one script after the other, a connection each; the last one for all that come later."""

    def __init__(self, *scripts: Script | int) -> None:
        """A number in place of a script is the HTTP status that refuses the handshake."""
        self._scripts = list(scripts)
        self.requests: list[Request] = []
        self.sockets = set[ServerConnection]()
        """Those that a script plays on now."""
        self.url = ""

    @asynccontextmanager
    async def serving(self, ssl: SSLContext | None = None) -> AsyncIterator["Gateway"]:
        """Listen on a free port."""
        # At the end of a test its client may not read any more.
        serving = serve(self._play, "127.0.0.1", 0, process_request=self._refuse, close_timeout=0.1, ssl=ssl)
        async with serving as server:
            self.url = _url_of(server, "ws" if ssl is None else "wss")
            yield self

    def _refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        script = self._scripts[0]
        if not isinstance(script, int):
            return None
        self._next()
        return connection.respond(HTTPStatus(script), "refused")

    async def _play(self, connection: ServerConnection) -> None:
        script = self._next()
        assert not isinstance(script, int)
        self.sockets.add(connection)
        try:
            await script(connection)
        finally:
            self.sockets.discard(connection)

    def _next(self) -> Script | int:
        return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]


def _url_of(server: Server, scheme: str) -> str:
    (listening,) = server.sockets
    return f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/ws"
