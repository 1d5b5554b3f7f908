"""A WebSocket client for tests: remembers what it heard, and waits for what should come.

Made on `websockets`, which shares no code with the gateway.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Message = dict[str, Any]


class Client:
    """One connection, and everything that came over it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._waiting: dict[asyncio.Future[None], Callable[[Client], bool]] = {}
        self._reading = asyncio.create_task(self._read())
        self.messages: list[Message] = []
        """Everything but prices, in order of arrival."""
        self.prices: dict[str, list[Message]] = defaultdict(list)
        """Snapshots and ticks of each symbol, in order of arrival."""
        self.status: Message = {}
        self.states: dict[str, Message] = {}
        """The newest state of each symbol of which one was told."""
        self.close_code: int | None = None
        self._when_live: dict[str, int] = {}
        """The place of each symbol's newest price when the first `live` came."""

    @property
    def closed(self) -> bool:
        return self._reading.done()

    async def send(self, message: Message | str | bytes) -> None:
        """Send JSON, or what is given as it stands."""
        await self._socket.send(orjson.dumps(message).decode() if isinstance(message, dict) else message)

    async def subscribe(self, *symbols: str, within_s: float = 30, **options: Any) -> None:
        """Subscribe, and wait until that is confirmed."""
        before = self.count("subscribed")
        await self.send({"type": "subscribe", "symbols": list(symbols), **options})
        await self.until(lambda client: client.count("subscribed") > before, within_s)

    async def until(self, condition: Callable[["Client"], bool], within_s: float = 30) -> None:
        """Wait for ``condition``, looked at after each message.

        Raises:
            TimeoutError: it did not come true in time, or the connection ended before it did.
        """
        if condition(self):
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = condition
        try:
            async with asyncio.timeout(within_s):
                await asyncio.wait((future, self._reading), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[future]
        # It came true; what has come since may have changed it again.
        if not (future.done() or condition(self)):
            raise TimeoutError(f"the connection ended ({self.close_code}) before what was waited for")

    async def until_closed(self, within_s: float = 30) -> int | None:
        """Wait for the end of the connection; its close code."""
        async with asyncio.timeout(within_s):
            await asyncio.wait((self._reading,))
        return self.close_code

    def count(self, message_type: str) -> int:
        """How many messages of a type came."""
        return sum(message["type"] == message_type for message in self.messages)

    def received(self, message_type: str) -> list[Message]:
        """All messages of a type, in order of arrival."""
        return [message for message in self.messages if message["type"] == message_type]

    def seqs(self, symbol: str) -> list[int]:
        """The sequence numbers of a symbol's prices, in order of arrival."""
        return [price["seq"] for price in self.prices[symbol]]

    def newest_seq(self, symbol: str) -> int:
        """The sequence number of the newest price; 0 before the first."""
        prices = self.prices[symbol]
        return prices[-1]["seq"] if prices else 0

    def gaps(self) -> list[tuple[str, int, int]]:
        """Where a symbol's sequence number did not grow by exactly one: symbol, before, after.

        Before the first ``live`` that may be so: a gateway that has just started may lack what came before.
        """
        return [
            (symbol, before, after)
            for symbol in self.prices
            for before, after in itertools.pairwise(self.seqs(symbol)[self._when_live.get(symbol, 0) :])
            if after != before + 1
        ]

    async def close(self) -> None:
        """Leave, and wait until everything that came is read."""
        await self._socket.close()
        await asyncio.wait((self._reading,))

    async def _read(self) -> None:
        try:
            while True:
                self._receive(orjson.loads(await self._socket.recv()))
        except ConnectionClosed as end:
            self.close_code = end.rcvd.code if end.rcvd else 1006

    def _receive(self, message: Message) -> None:
        match message["type"]:
            case "tick" | "snapshot":
                self.prices[message["symbol"]].append(message)
            case "ticks":
                for tick in message["ticks"]:
                    self.prices[tick["symbol"]].append(tick)
            case "status":
                if message["feed"] == "live" and not any(one["feed"] == "live" for one in self.received("status")):
                    self._when_live = {symbol: max(0, len(prices) - 1) for symbol, prices in self.prices.items()}
                self.status = message
                self.messages.append(message)
            case "symbol_status":
                self.states[message["symbol"]] = message
                self.messages.append(message)
            case _:
                self.messages.append(message)
        for future, condition in self._waiting.items():
            if not future.done() and condition(self):
                future.set_result(None)


class BothWays(str):
    """Where clients connect through HAProxy, beside the address of the same gateway itself."""

    __slots__ = ("straight",)
    straight: str


class Twins(Client):
    """A client through HAProxy, and one straight at the same gateway that says and awaits the same.

    When they leave, what both heard must be the same: each price to the last digit, each state in its order, and, where
    they asked for every tick, the same ticks.
    """

    def __init__(self, socket: ClientConnection, straight: Client) -> None:
        super().__init__(socket)
        self.straight = straight
        self._wants_every_tick = False

    async def send(self, message: Message | str | bytes) -> None:
        """Both send it."""
        if isinstance(message, dict):
            self._wants_every_tick |= message.get("conflate") is False
        await super().send(message)
        await self.straight.send(message)

    async def until(self, condition: Callable[[Client], bool], within_s: float = 30) -> None:
        """Wait until it is so of both."""
        await asyncio.gather(super().until(condition, within_s), self.straight.until(condition, within_s))

    async def until_closed(self, within_s: float = 30) -> int | None:
        """Wait for the end of both connections; the close code, which must be the same."""
        codes = await asyncio.gather(super().until_closed(within_s), self.straight.until_closed(within_s))
        assert codes[0] == codes[1]
        return codes[0]

    async def close(self) -> None:
        """Both leave, and are compared."""
        await asyncio.gather(super().close(), self.straight.close())
        self._compare()

    def _compare(self) -> None:
        for symbol in self.prices:
            own, other = ({price["seq"]: price for price in client.prices[symbol]} for client in (self, self.straight))
            both = own.keys() & other.keys()
            for seq in both:
                # A snapshot is a tick under another name.
                assert own[seq] | {"type": ""} == other[seq] | {"type": ""}, (symbol, seq)
            if self._wants_every_tick and both:
                first, last = min(both), max(both)
                assert {seq for seq in own if first <= seq <= last} == both, symbol
                assert {seq for seq in other if first <= seq <= last} == both, symbol
        for kind in ("status", "symbol_status"):
            # One may have come a moment earlier, or left a moment later.
            shorter, longer = sorted((self.received(kind), self.straight.received(kind)), key=len)
            starts = range(len(longer) - len(shorter) + 1)
            assert any(longer[start : start + len(shorter)] == shorter for start in starts), (shorter, longer)


@asynccontextmanager
async def connected(url: str, token: str = "") -> AsyncIterator[Client]:
    """A client of the gateway at ``url``, after its welcome; with a ``token``, if one is given."""
    client = await open_client(url, token=token)
    try:
        yield client
    finally:
        await client.close()


async def open_client(url: str, within_s: float = 30, token: str = "") -> Client:
    """Connect, both ways where the URL says so, and wait for the welcome; close it yourself."""
    # No pings of its own: what keeps the connection is the gateway's heartbeat.
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    socket = await connect(
        url, ping_interval=None, compression=None, open_timeout=within_s, max_size=None, additional_headers=headers
    )
    client = Twins(socket, await open_client(url.straight, within_s)) if isinstance(url, BothWays) else Client(socket)
    await client.until(lambda client: client.count("welcome") == 1, within_s)
    return client
