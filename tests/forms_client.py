"""A WebSocket client for tests that notes in which form each price came, in either encoding.

Made on `websockets`, which shares no code with the gateway.
"""

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgpack
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter, Subprotocol

PACKED = Subprotocol("tickgate.v1.msgpack")


class Price(NamedTuple):
    """A price, and how it came."""

    seq: int
    kind: str
    """``tick``, ``snapshot`` or ``ticks``."""
    compressed: bool


class Noting(ClientPerMessageDeflateFactory):
    """Compression that notes of each message whether it was compressed; nothing behind it can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.compressed: list[bool] = []

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> PerMessageDeflate:
        extension = super().process_response_params(params, accepted_extensions)
        decode = extension.decode

        def noting(frame: Frame, *, max_size: int | None = None) -> Frame:
            if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
                self.compressed.append(frame.rsv1)
            return decode(frame, max_size=max_size)

        extension.decode = noting  # type: ignore[method-assign] # it is the test's own
        return extension


class FormsClient:
    """One connection, and everything that came over it while it `reads`."""

    def __init__(self, connection: ClientConnection, compressed: list[bool]) -> None:
        """``compressed`` tells of each message that is still to be read whether it was."""
        self._connection = connection
        self._packed = connection.subprotocol == PACKED
        self._compressed = compressed
        self._changed = asyncio.Event()
        self.reads = asyncio.Event()
        """Cleared, it stops reading: the library's queue fills up, then the sockets."""
        self.reads.set()
        self.messages: list[dict[str, Any]] = []
        """Everything but prices."""
        self.prices: dict[str, list[Price]] = defaultdict(list)
        self.reading = asyncio.create_task(self._read())

    async def say(self, **message: Any) -> None:
        """Send a message in the encoding that was agreed on."""
        await self._connection.send(msgpack.packb(message) if self._packed else orjson.dumps(message).decode())

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message; what is answered to it."""
        mark = f"request {len(self.messages)}"
        await self.say(**message, id=mark)
        await self.until(lambda client: any(one.get("id") == mark for one in client.messages))
        return next(one for one in self.messages if one.get("id") == mark)

    async def subscribe(self, *symbols: str, **options: Any) -> dict[str, Any]:
        """Subscribe; what is answered to it."""
        return await self.ask(type="subscribe", symbols=symbols, **options)

    async def until(self, condition: Callable[["FormsClient"], bool], within_s: float = 20) -> None:
        """Wait for ``condition``, looked at after each message.

        Raises:
            TimeoutError: it did not come true in time.
        """
        async with asyncio.timeout(within_s):
            while not condition(self):
                assert not self.reading.done(), self.reading
                self._changed.clear()
                await self._changed.wait()

    async def until_newest(self, seq: int, symbols: Collection[str]) -> None:
        """Wait until the newest price of each of ``symbols`` is of ``seq`` or newer."""
        await self.until(lambda client: all(client.newest(symbol) >= seq for symbol in symbols))

    def told(self, message_type: str) -> list[dict[str, Any]]:
        """All messages of a type, in order of arrival."""
        return [message for message in self.messages if message["type"] == message_type]

    def seqs(self, symbol: str, after: int = 0) -> list[int]:
        """The sequence numbers of a symbol's prices above ``after``, in order of arrival."""
        return [price.seq for price in self.prices[symbol] if price.seq > after]

    def newest(self, symbol: str) -> int:
        """The sequence number of the newest price; 0 before the first."""
        return self.prices[symbol][-1].seq if self.prices[symbol] else 0

    def forms(self, symbol: str, after: int = 0) -> set[str]:
        """The kinds of message in which a symbol's prices above ``after`` came."""
        return {price.kind for price in self.prices[symbol] if price.seq > after}

    def compressed(self, symbol: str, after: int = 0) -> set[bool]:
        """Whether they were compressed."""
        return {price.compressed for price in self.prices[symbol] if price.seq > after}

    async def _read(self) -> None:
        while True:
            await self.reads.wait()
            data = await self._connection.recv()
            assert isinstance(data, bytes) == self._packed
            self._hear(msgpack.unpackb(data) if self._packed else orjson.loads(data), self._compressed.pop(0))
            self._changed.set()

    def _hear(self, message: dict[str, Any], compressed: bool) -> None:
        kind = message["type"]
        ticks = message["ticks"] if kind == "ticks" else [message] if kind in {"tick", "snapshot"} else []
        for tick in ticks:
            self.prices[tick["symbol"]].append(Price(tick["seq"], kind, compressed))
        if not ticks:
            self.messages.append(message)


@asynccontextmanager
async def forms_client(url: str, *, packed: bool, buffer_bytes: int = 0) -> AsyncIterator[FormsClient]:
    """A client of the gateway at ``url``, with a receive buffer of so many bytes or the system's own."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    raw = socket.socket()
    if buffer_bytes:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (address.hostname, address.port))
    noting = Noting()
    async with connect(
        url,
        sock=raw,
        subprotocols=[PACKED] if packed else None,
        compression=None,
        extensions=[noting],
        ping_interval=None,
        max_size=None,
        max_queue=4,
    ) as connection:
        client = FormsClient(connection, noting.compressed)
        try:
            yield client
        finally:
            client.reading.cancel()
            await asyncio.gather(client.reading, return_exceptions=True)
