"""The exchange as a whole: what tests hold in their hands."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

from aiohttp import web

from tests.exchange.coinbase.limits import CoinbaseLimits
from tests.exchange.coinbase.products import Product, now
from tests.exchange.coinbase.streams import Connection
from tests.exchange.limits import RollingCount, Violation
from tests.serving import close


class CoinbaseExchange:
    """A Coinbase Exchange of one's own on 127.0.0.1. Use it as an async context manager."""

    def __init__(self, products: Iterable[str], limits: CoinbaseLimits | None = None, *, port: int = 0) -> None:
        """List ``products``; listen on ``port``, or on any free one."""
        self.limits = limits or CoinbaseLimits()
        self.products = {name: Product(name) for name in products}
        self.violations: list[Violation] = []
        """Every limit that a client broke, in order."""
        self.connections: list[Connection] = []
        """Every stream connection there ever was, in order."""
        self.requests: list[str] = []
        """The path of every REST request, in order."""
        self.silent: set[str] = set()
        """Products of which nothing is told, not even heartbeats."""
        self.frozen = False
        """Whether connections live on without a word."""
        self.deaf = False
        """Whether subscriptions are not answered."""
        self.rest_status = 200
        self._port = port
        self._listener: asyncio.Server | None = None
        self._clock = asyncio.get_running_loop().time
        self._connects = RollingCount(self.limits.connects, self.limits.connect_window_s, self._clock)
        self._tasks: list[asyncio.Task[None]] = []
        app = web.Application()
        app.add_routes([web.get("/products", self._list), web.get("/time", self._time), web.get("/", self._stream)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)

    async def __aenter__(self) -> "CoinbaseExchange":
        await self._runner.setup()
        await self.accept()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._tell_heartbeats()), loop.create_task(self._tell_changes())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.refuse()
        self.drop()
        await self._runner.cleanup()

    @property
    def rest_url(self) -> str:
        """For ``COINBASE_REST_URL``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        """For ``COINBASE_WS_URL``."""
        return f"ws://127.0.0.1:{self._port}"

    @property
    def open_connections(self) -> list[Connection]:
        """The stream connections that are open now."""
        return [connection for connection in self.connections if connection.open]

    def quote(self, product: str, bid: str, ask: str, size: str = "1.00000000") -> None:
        """Make these the best prices: the better ones go, as if they had been taken."""
        its = self.products[product]
        for price in [price for price in its.bids if float(price) > float(bid)]:
            its.level("buy", price, "0.00000000")
        for price in [price for price in its.asks if float(price) < float(ask)]:
            its.level("sell", price, "0.00000000")
        its.level("buy", bid, size)
        its.level("sell", ask, size)

    def trade(self, product: str, price: str, size: str = "0.01") -> None:
        """A trade happens, and is told."""
        its = self.products[product]
        its.price, its.size, its.trade_id = price, size, its.trade_id + 1
        its.sequence += 5
        self._tell("ticker", product, its.ticker())

    def say(self, text: str) -> None:
        """Send any text on every stream connection."""
        for connection in self.open_connections:
            connection.say(text)

    def drop(self) -> None:
        """Cut every connection."""
        for connection in self.open_connections:
            connection.abort()

    async def refuse(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await close(listener)

    async def accept(self) -> None:
        """Listen, again on the same port."""
        if self._listener is None:
            assert self._runner.server is not None
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(self._runner.server, "127.0.0.1", self._port)
            self._port = self._listener.sockets[0].getsockname()[1]

    async def _list(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        if self.rest_status != 200:
            return web.json_response({"message": "out of order"}, status=self.rest_status)
        return web.json_response([its.listing for its in self.products.values()])

    async def _time(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        return web.json_response({"iso": now(), "epoch": self._clock()})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self._connects.exceeded():
            self.violations.append(Violation("connects", request.path))
            return web.Response(status=429)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(
            socket,
            self.products,
            self.limits,
            violate=lambda rule, detail: self.violations.append(Violation(rule, detail)),
            has_room=self._has_room,
            deaf=lambda: self.deaf,
            mute=self._is_mute,
            clock=self._clock,
        )
        self.connections.append(connection)
        with suppress(ConnectionError):
            await connection.serve()
        return socket

    def _has_room(self, channel: str, product: str) -> bool:
        held = sum(product in connection.subscribed[channel] for connection in self.open_connections)
        if held >= self.limits.subscriptions:
            self.violations.append(Violation("subscriptions", f"{channel} of {product}"))
        return held < self.limits.subscriptions

    def _is_mute(self, product: str) -> bool:
        return self.frozen or product in self.silent

    def _tell(self, channel: str, product: str, message: dict[str, object]) -> None:
        if self._is_mute(product):
            return
        for connection in self.open_connections:
            if product in connection.subscribed[channel]:
                connection.tell(message)

    async def _tell_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self.limits.heartbeat_s)
            for name, product in self.products.items():
                self._tell("heartbeat", name, product.heartbeat())

    async def _tell_changes(self) -> None:
        while True:
            await asyncio.sleep(self.limits.batch_s)
            for name, product in self.products.items():
                if product.changes:
                    self._tell("level2_batch", name, product.update())
