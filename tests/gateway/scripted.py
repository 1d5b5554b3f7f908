"""A gateway that serves the real pages with the real headers, and whose WebSocket says what a test tells it to."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.http import routes
from gateway.http.operators import OPS_PATH
from gateway.http.pages import Pages

BOUND_S = 20.0
SUBSCRIBE = {"type": "subscribe", "symbols": ["*"], "batch": True, "id": "all"}
STATS = {"type": "subscribe", "channel": "stats", "symbols": ["*"], "id": "stats"}
CLIENT = "11111111-2222-4333-8444-555555555555"


class Client:
    """The gateway's end of the dashboard's connection."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.ended = asyncio.Event()

    async def say(self, **message: Any) -> None:
        await self.socket.send_json(message)

    async def hear(self, *, pings: bool = False) -> Any:
        """The page's next message. Its pings are answered and passed over, unless a test is about them."""
        async with asyncio.timeout(BOUND_S):
            while (message := await self.socket.receive_json()) == {"type": "ping"} and not pings:
                await self.say(type="pong")
        return message

    async def close(self, code: int) -> None:
        await self.socket.close(code=code)
        self.ended.set()

    async def greet(self, *, heartbeat_s: float = 600.0, **status: Any) -> None:
        """Everything up to the page's subscribe."""
        await self.say(type="welcome", client=CLIENT, heartbeat_s=heartbeat_s, gateway="9a8b7c6d")
        await self.say(
            **{"type": "status", "feed": "live", "reason": "", "source": "binance-ws", "since_us": 1} | status
        )
        assert [SUBSCRIBE, STATS] == [await self.hear(), await self.hear()]

    async def serve(self, *symbols: str, **status: Any) -> None:
        """Greet, and give it these symbols."""
        await self.greet(**status)
        await self.hold(*symbols)

    async def hold(self, *symbols: str, why: str = "all") -> None:
        """Answer the page's subscribe."""
        await self.say(type="subscribed", symbols=symbols, id=why)


async def _operators_page(request: web.Request) -> web.Response:
    return Pages().ops.answer(request)


class ScriptedGateway:
    """Serves the real pages with the real headers; its WebSocket says what the test tells it to."""

    def __init__(self, prefix: str = "", *, index: Handler = routes.index) -> None:
        """Below the path ``prefix``, as behind a proxy that takes it away; ``index`` answers who asks for the page."""
        self._clients: asyncio.Queue[Client] = asyncio.Queue()
        self._prefix = prefix
        self._index = index
        self.url = ""

    async def accept(self) -> Client:
        """The next connection of the page."""
        async with asyncio.timeout(BOUND_S):
            return await self._clients.get()

    @property
    def idle(self) -> bool:
        """Whether nobody has connected since the last accept."""
        return self._clients.empty()

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = Client(socket)
        self._clients.put_nowait(client)
        await client.ended.wait()
        return socket

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedGateway"]:
        """Serve at a free port."""
        served = web.Application()
        own = {"/": self._index, "/ws": self._websocket, OPS_PATH: _operators_page}
        pages = [route for route in routes.routes() if getattr(route, "path", "") not in own]
        served.add_routes([*pages, *(web.get(path, handler) for path, handler in own.items())])
        served.on_response_prepare.append(routes.add_page_headers)
        app = served
        if self._prefix:
            app = web.Application()
            app.add_subapp(self._prefix, served)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}{self._prefix}/"
            yield self
        finally:
            await runner.cleanup()


def tick(symbol: str, seq: int = 1, **fields: Any) -> dict[str, Any]:
    """Make a tick as clients are sent it."""
    base = {"type": "tick", "symbol": symbol, "seq": seq, "bid": 6523456, "ask": 6523457, "last": 6523456}
    sizes = {"bid_size": 150000, "ask_size": 50000, "volume": 123456789, "price_scale": 2, "size_scale": 5}
    return base | sizes | {"recv_us": time.time_ns() // 1000} | fields


def row(symbol: str) -> str:
    """JavaScript for a symbol's row: its figures by column, as `bid`, and below each another, as `bid2`."""
    return f"""(() => {{
        const tr = [...document.querySelectorAll("#rows tr")].find((one) => one.dataset.symbol === {symbol!r});
        const texts = {{ name: tr.querySelector("button").textContent, said: tr.querySelector("th .sub").textContent }};
        for (const cell of tr.querySelectorAll("td[data-label]")) {{
            texts[cell.dataset.key] = cell.querySelector(".figure").textContent;
            texts[`${{cell.dataset.key}}2`] = cell.querySelector(".sub")?.textContent;
        }}
        return texts;
    }})()"""


def cells(symbol: str, *columns: str) -> str:
    """JavaScript for some figures of a symbol's row, in this order."""
    return f"(({row(symbol)}) ? {list(columns)!r}.map((key) => ({row(symbol)})[key]) : null)"


def text(identifier: str) -> str:
    """JavaScript for what an element says."""
    return f"document.getElementById({identifier!r}).textContent"


def part(name: str) -> str:
    """JavaScript for what a part of the symbol in detail says."""
    return f"document.querySelector('[data-part=\"{name}\"]').textContent"


def state(name: str) -> str:
    """Write the condition that the dashboard is in this state."""
    return f'document.body.dataset.state === "{name}"'
