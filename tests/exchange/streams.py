"""The WebSocket half of the exchange."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

from aiohttp import WSMsgType, web
from msgspec import Struct

from market.prices.letters import lower, upper
from tests.exchange.faults import Faults
from tests.exchange.limits import Limits, RollingCount
from tests.exchange.market import Market


class Received(Struct, frozen=True):
    """A message from a client."""

    at: float
    """Monotonic seconds."""
    kind: Literal["text", "ping", "pong"]
    size: int
    streams: int = 0
    """How many a SUBSCRIBE named."""


class Connection:
    """One client, from its handshake on."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.Request,
        *,
        combined: bool,
        market: Market,
        limits: Limits,
        faults: Faults,
        clock: Callable[[], float],
        violate: Callable[[str, str], None],
        touch: Callable[[], None],
    ) -> None:
        self.streams: dict[str, None] = {}
        self.received: list[Received] = []
        self.opened_at = clock()
        self.granted_at = clock()
        """When the last SUBSCRIBE was granted."""
        self.closed_at: float | None = None
        self.close_code: int | None = None
        """As the exchange closed it; None where it did not."""
        self.quiet = False
        """Nothing more is told on this connection, though it stays open, and pings are answered."""
        self.deaf = False
        """Not even pings are answered."""
        self.quiet_streams: set[str] = set()
        """Of these streams nothing is told on this connection."""
        self.pinged: list[float] = []
        """When, in monotonic seconds."""
        self.pongs = 0
        """Pongs that carried the payload of the last ping."""
        self._socket = socket
        self._request = request
        self._combined = combined
        self._market = market
        self._limits = limits
        self._faults = faults
        self._clock = clock
        self._violate = violate
        self._touch = touch
        self._sent: dict[str, int] = {}
        """Stream → how many changes its client knows of."""
        self._unheard_of: set[str] = set()
        """Streams of symbols that were not listed when they were subscribed: nothing is told of them, ever."""
        self._send_buffer: asyncio.Queue[str] = asyncio.Queue()
        self._rate = RollingCount(limits.messages, limits.message_window_s, clock)
        self._ping_payload: bytes | None = None
        self._pong_due = float("inf")

    @property
    def open(self) -> bool:
        """Whether it has not ended yet."""
        return self.closed_at is None

    async def run(self) -> None:
        """Serve until the connection ends."""
        tasks = [
            asyncio.ensure_future(job)
            for job in (self._write(), self._ping(), self._tell_summaries(), self._expire(), self._read())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.closed_at = self._clock()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._touch()

    def tell(self, stream: str) -> None:
        """Send the newest of ``stream``, if the client wants it."""
        if stream not in self.streams or stream in self._faults.quiet_streams | self.quiet_streams | self._unheard_of:
            return
        symbol, _, kind = stream.partition("@")
        symbol = upper(symbol)
        if symbol not in self._market.listings or symbol in self._faults.quiet_symbols:
            return
        # A stream in the wrong case exists no more than one of an unknown symbol.
        payload = self._market.event(symbol, kind, _now_ms()) if stream == f"{lower(symbol)}@{kind}" else None
        if payload is not None:
            self.say(json.dumps({"stream": stream, "data": payload} if self._combined else payload))

    def say(self, text: str) -> None:
        """Send any text at all."""
        if not self.quiet:
            self._send_buffer.put_nowait(text)

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def half_frame(self) -> None:
        """Begin a message and never end it."""
        if self._request.transport is not None:
            self._request.transport.write(b'\x81\x7e\x01\x00{"stream":"btc')
        self.quiet = True

    def subscribe(self, streams: Iterable[str]) -> bool:
        """Add streams; False, and nothing is added, if they are too many."""
        streams = tuple(streams)
        wanted = self.streams | dict.fromkeys(streams)
        if len(wanted) > self._limits.streams:
            self._violate("streams", f"{len(wanted)} on one connection")
            return False
        self.streams = wanted
        self.granted_at = self._clock()
        for stream in streams:
            symbol, _, kind = stream.partition("@")
            if (changes := self._market.changes.get(symbol.upper())) is not None:
                self._sent[stream] = changes.of(kind)
            listed = symbol.upper() in self._market.listings
            (self._unheard_of.discard if listed else self._unheard_of.add)(stream)
        return True

    async def _write(self) -> None:
        while True:
            text = await self._send_buffer.get()
            await self._faults.thawed.wait()
            await self._socket.send_str(text)

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            await self._faults.thawed.wait()
            match message.type:
                case WSMsgType.TEXT:
                    self._note("text", message.data)
                case WSMsgType.PING:
                    self._note("ping", message.data)
                    if not self.deaf and not self._faults.ignore_pings:
                        await self._socket.pong(message.data)
                case WSMsgType.PONG:
                    self._note("pong", message.data)
                case _:
                    return
            if self._rate.exceeded():
                self._violate("messages", f"over {self._limits.messages} in {self._limits.message_window_s:g} s")
                await self.close(1008)
                return
            if message.type is WSMsgType.TEXT:
                self._command(message.data)
            elif message.type is WSMsgType.PONG and bytes(message.data) == self._ping_payload:
                self.pongs += 1
                self._pong_due = float("inf")
            self._touch()

    def _note(self, kind: Literal["text", "ping", "pong"], data: str | bytes) -> None:
        size = len(data.encode() if isinstance(data, str) else data)
        self.received.append(Received(self._clock(), kind, size, data.count("@") if isinstance(data, str) else 0))

    def _command(self, text: str) -> None:
        size = len(text.encode())
        if size > self._limits.subscribe_bytes:
            self._violate("bytes", f"a request of {size}")
            return  # not even an error: so users have seen it
        try:
            request = json.loads(text)
        except ValueError as error:
            self._reply({"code": 3, "msg": f"Invalid JSON: {error}"})
            return
        match request:
            case {"method": "SUBSCRIBE", "params": list(streams), "id": int(number)}:
                self._subscribe(streams, number)
            case {"method": "UNSUBSCRIBE", "params": list(streams), "id": int(number)}:
                for stream in streams:
                    self.streams.pop(stream, None)
                self._reply({"result": None, "id": number})
            case {"method": "LIST_SUBSCRIPTIONS", "id": int(number)}:
                self._reply({"result": list(self.streams), "id": number})
            case {"method": str(method)}:
                self._reply({"code": 2, "msg": f"Invalid request: unknown variant or missing field, {method}"})
            case _:
                self._reply({"code": 2, "msg": "Invalid request: missing field `method`"})

    def _subscribe(self, streams: list[str], number: int) -> None:
        if len(streams) > self._limits.subscribe_streams:
            self._violate("subscribe", f"{len(streams)} streams in one request")
        if self._faults.ignore_subscribe:
            return
        if self._faults.subscribe_errors:
            self.say(self._faults.subscribe_errors.pop(0).replace("ID", str(number)))
        elif not self.subscribe(streams):
            self._reply({"error": {"code": 4, "msg": "Too many subscriptions"}, "id": number})
        else:
            self._reply({"result": None, "id": number})

    def _reply(self, answer: dict[str, Any]) -> None:
        self.say(json.dumps(answer))

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(self._limits.ping_s)
            await self._faults.thawed.wait()
            if self.quiet or self.deaf:
                continue
            self._ping_payload = str(_now_ms()).encode()
            self._pong_due = min(self._pong_due, self._clock() + self._limits.pong_timeout_s)
            self.pinged.append(self._clock())
            await self._socket.ping(self._ping_payload)

    async def _tell_summaries(self) -> None:
        while True:
            await asyncio.sleep(self._limits.summary_s)
            for stream in self.streams:
                symbol, _, kind = stream.partition("@")
                its = self._market.changes.get(symbol.upper()) if kind in ("miniTicker", "ticker") else None
                if its is not None and self._sent.get(stream) != its.of(kind):
                    self._sent[stream] = its.of(kind)
                    self.tell(stream)

    async def _expire(self) -> None:
        """End the connection when it is too old, or its client has not answered a ping."""
        while True:
            now = self._clock()
            if now >= self._pong_due:
                self._violate("pong", "none with the ping's payload in time")
                await self.close(1008)
                return
            if now >= self.opened_at + self._limits.lifetime_s:
                await self.close(1001)
                return
            await asyncio.sleep(min(self._limits.ping_s, self._limits.lifetime_s) / 4)

    async def close(self, code: int, text: str = "") -> None:
        """Close it as the exchange does, with what it says at that."""
        self.close_code = code
        await self._socket.close(code=code, message=text.encode())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
