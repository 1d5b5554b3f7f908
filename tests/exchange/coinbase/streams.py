"""One WebSocket connection, as the exchange serves it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import WSMsgType, web

from tests.exchange.coinbase.limits import CoinbaseLimits
from tests.exchange.coinbase.products import Product
from tests.exchange.limits import RollingCount

CHANNELS = ("level2_batch", "ticker", "heartbeat")


class Connection:
    """What a client has subscribed, and what it is told."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        products: Mapping[str, Product],
        limits: CoinbaseLimits,
        *,
        violate: Callable[[str, str], None],
        has_room: Callable[[str, str], bool],
        deaf: Callable[[], bool],
        mute: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        """Answer while not ``deaf``, and tell nothing of a product that is ``mute``.

        ``has_room`` says whether one more subscription of a channel and a product is allowed.
        """
        self.subscribed: dict[str, dict[str, None]] = {name: {} for name in CHANNELS}
        """Channel → products."""
        self.requests: list[dict[str, Any]] = []
        self.granted_at: float | None = None
        self.closed_at: float | None = None
        self._socket = socket
        self._products = products
        self._limits = limits
        self._violate = violate
        self._has_room = has_room
        self._deaf = deaf
        self._mute = mute
        self._clock = clock
        self._messages = RollingCount(limits.messages, limits.message_window_s, clock)
        self._out: asyncio.Queue[str] = asyncio.Queue()

    @property
    def compressed(self) -> bool:
        """Whether the client asked for compression, as the exchange advises."""
        return bool(self._socket.compress)

    @property
    def open(self) -> bool:
        """Whether it is open now."""
        return self.closed_at is None

    async def serve(self) -> None:
        """Until it ends."""
        loop = asyncio.get_running_loop()
        late = loop.call_later(self._limits.subscribe_within_s, self._close_if_idle)
        sending = loop.create_task(self._send())
        try:
            async for message in self._socket:
                if message.type == WSMsgType.TEXT:
                    self._take(message.data)
        finally:
            self.closed_at = self._clock()
            late.cancel()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self.say(json.dumps(message, separators=(",", ":")))

    def say(self, text: str) -> None:
        """Send any text."""
        self._out.put_nowait(text)

    async def close(self, code: int = 1000) -> None:
        """End it properly."""
        await self._socket.close(code=code)

    def abort(self) -> None:
        """Cut it."""
        if (transport := self._socket._req.transport if self._socket._req else None) is not None:
            transport.abort()

    async def _send(self) -> None:
        while True:
            await self._socket.send_str(await self._out.get())

    def _close_if_idle(self) -> None:
        if not any(self.subscribed.values()):
            self._violate("idle", "nothing was subscribed in time")
            self.abort()

    def _take(self, text: str) -> None:
        if self._messages.exceeded():
            self._violate("messages", text[:100])
        if self._deaf():
            return
        try:
            request = json.loads(text)
            kind, wanted, names = request["type"], request["product_ids"], request["channels"]
        except (ValueError, KeyError, TypeError):
            self._error("Failed to subscribe", "malformed JSON")
            return
        self.requests.append(request)
        for name in names:
            if name not in CHANNELS:
                self._error("Failed to subscribe", f"{name} is not a valid channel")
                return
        for product in wanted:
            if product not in self._products or self._products[product].listing["status"] == "delisted":
                self._error("Failed to subscribe", f"{product} is not a valid product")
                return
        fresh = [(name, its) for name in names for its in wanted if its not in self.subscribed[name]]
        for name, product in fresh if kind == "subscribe" else []:
            if not self._has_room(name, product):
                self._error("Failed to subscribe", f"too many subscriptions of {product}")
                return
        for name in names:
            for product in wanted:
                if kind == "subscribe":
                    self.subscribed[name][product] = None
                else:
                    self.subscribed[name].pop(product, None)
        channels = [{"name": name, "product_ids": [*its]} for name, its in self.subscribed.items() if its]
        self.tell({"type": "subscriptions", "channels": channels})
        self.granted_at = self._clock()
        if kind == "subscribe":
            self._begin(fresh)

    def _begin(self, fresh: list[tuple[str, str]]) -> None:
        for name, product in fresh:
            if self._mute(product):
                continue
            if name == "level2_batch":
                self.tell(self._products[product].snapshot())
            elif name == "ticker":
                self.tell(self._products[product].ticker())

    def _error(self, message: str, reason: str) -> None:
        self.tell({"type": "error", "message": message, "reason": reason})
