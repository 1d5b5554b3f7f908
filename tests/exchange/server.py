"""The exchange as a whole: what tests hold in their hands."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

from aiohttp import web

from market.prices.letters import lower
from tests.exchange.faults import Canned, Faults
from tests.exchange.limits import Limits, RollingCount, Violation
from tests.exchange.market import Market
from tests.exchange.rest import Request, Rest
from tests.exchange.streams import Connection
from tests.serving import close


class Exchange:
    """A Binance of one's own. Use it as an async context manager."""

    def __init__(
        self, symbols: Iterable[str], limits: Limits | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """List ``symbols``; listen on ``port``, or on any free one."""
        self.limits = limits or Limits()
        self.market = Market(symbols)
        self.faults = Faults()
        self.violations: list[Violation] = []
        """Every limit that a client broke, in order."""
        self.connections: list[Connection] = []
        """Every stream connection there ever was, in order."""
        self._host = host
        self._port = port
        self._waiting: set[asyncio.Future[None]] = set()
        self._listener: asyncio.Server | None = None
        self._clock = asyncio.get_running_loop().time
        self._connects = RollingCount(self.limits.connects, self.limits.connect_window_s, self._clock)
        self._rest = Rest(
            self.market,
            self.limits,
            self.faults,
            clock=self._clock,
            violate=self._violate,
            touch=self._touch,
        )
        app = web.Application()
        app.add_routes([*self._rest.routes(), web.get("/stream", self._stream), web.get("/ws", self._stream)])
        app.add_routes([web.get("/ws/{streams:.+}", self._stream)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()
        await self.refuse()
        self.drop()
        await self._runner.cleanup()

    @property
    def rest_url(self) -> str:
        """For ``BINANCE_REST_URL``."""
        return f"http://{self._host}:{self._port}"

    @property
    def ws_url(self) -> str:
        """For ``BINANCE_WS_URL``."""
        return f"ws://{self._host}:{self._port}"

    @property
    def requests(self) -> list[Request]:
        """Every REST request there ever was, in order."""
        return self._rest.requests

    @property
    def http_connections(self) -> int:
        """TCP connections that are open now, of both kinds."""
        return len(self._runner.server.connections) if self._runner.server is not None else 0

    @property
    def peak_weight(self) -> int:
        """The most request weight that was used in any window."""
        return self._rest.weights.peak

    def spend_weight(self, weight: int) -> None:
        """Somebody else on the same IP asks for so much."""
        self._rest.weights.spend(weight)

    @property
    def open_connections(self) -> list[Connection]:
        """The stream connections that are open now."""
        return [connection for connection in self.connections if connection.open]

    def quote(self, symbol: str, *, update_id: int | None = None, **changes: str | None) -> None:
        """Change a symbol's price and tell it to who listens; what does not change is not told.

        Args:
            symbol: whose.
            update_id: of the quote; one more than the last where none is given and bid, ask or a size changes.
            changes: ``bid``, ``bid_size``, ``ask``, ``ask_size``, ``last``, ``volume``, ``open``, ``high``,
                ``low``, ``quote_volume``; None leaves a field out.
        """
        changed = self.market.change(symbol, changes, update_id)
        for connection in self.open_connections:
            if changed:
                connection.tell(f"{lower(symbol)}@bookTicker")
            if "last" in changes:
                connection.tell(f"{lower(symbol)}@aggTrade")

    def say(self, text: str) -> None:
        """Send any text on every stream connection: malformed JSON, wrong types, what you like."""
        for connection in self.open_connections:
            connection.say(text)

    def announce_shutdown(self, form: Literal["raw", "combined"]) -> None:
        """Send ``serverShutdown`` on every stream connection."""
        event = {"e": "serverShutdown", "E": time.time_ns() // 1_000_000}
        self.say(json.dumps(event if form == "raw" else {"stream": "!serverShutdown", "data": event}))

    def drop(self) -> None:
        """Cut every stream connection without a word."""
        for connection in self.open_connections:
            connection.abort()

    def drop_all(self) -> None:
        """Cut every connection without a word, those of REST too."""
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()

    async def refuse(self) -> None:
        """Take no new connection, of either kind; those there are stay."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await close(listener)
            # The socket is really closed in the next turn of the loop.
            await asyncio.sleep(0)

    async def accept(self) -> None:
        """Take connections again, on the same port."""
        if self._listener is None:
            serve = self._runner.server
            assert serve is not None, "use `async with Exchange(...)`"
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(serve, self._host, self._port, reuse_address=True)
            self._port = self._listener.sockets[0].getsockname()[1]

    def freeze(self) -> None:
        """Accept connections, and say nothing on any, new or old."""
        self.faults.thawed.clear()

    def answer(
        self,
        status: int,
        body: bytes = b"",
        *,
        path: str = "",
        times: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        """Answer the next REST requests, ``times`` of them or until healed, so and not rightly."""
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self.faults.canned.append(Canned(status=status, body=body, headers=headers, path=path, times=times))

    def heal(self) -> None:
        """End every fault that lasts; who was banned still is, and who does not accept still does not."""
        self.faults.canned.clear()
        self.faults.delay_s = 0.0
        self.faults.thawed.set()
        self.faults.stream_status = None
        self.faults.stream_body, self.faults.stream_headers = b"", {}
        self.faults.ignore_subscribe = False
        self.faults.subscribe_errors.clear()
        self.faults.quiet_symbols.clear()
        self.faults.ignore_pings = False
        self.faults.quiet_streams.clear()
        self.faults.left_out.clear()
        for connection in self.connections:
            connection.quiet = connection.deaf = False
            connection.quiet_streams.clear()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds; it is looked at after everything that a client does."""
        while not condition():
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                await waiter
            finally:
                self._waiting.discard(waiter)

    def _touch(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _violate(self, rule: str, detail: str) -> None:
        self.violations.append(Violation(rule, detail))
        self._touch()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        await self.faults.thawed.wait()
        if self._connects.exceeded():
            self._violate("connects", f"over {self.limits.connects} in {self.limits.connect_window_s:g} s")
            return web.Response(status=429)
        its = self.faults
        if its.stream_status is not None:
            return web.Response(status=its.stream_status, body=its.stream_body, headers=its.stream_headers)
        socket = web.WebSocketResponse(autoping=False, compress=False, timeout=0.5)
        await socket.prepare(request)
        connection = Connection(
            socket,
            request,
            combined=request.path == "/stream",
            market=self.market,
            limits=self.limits,
            faults=self.faults,
            clock=self._clock,
            violate=self._violate,
            touch=self._touch,
        )
        named = request.match_info.get("streams") or request.query.get("streams") or ""
        connection.subscribe(stream for stream in named.split("/") if stream)
        self.connections.append(connection)
        self._touch()
        # A cut connection may show as an error of the write that meets it.
        with suppress(ConnectionError):
            await connection.run()
        return socket
