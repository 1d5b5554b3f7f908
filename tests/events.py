"""A client of server-sent events for tests, made from the standard (HTML, section 9.2) and on aiohttp."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientSession, ClientTimeout

Message = dict[str, Any]


class Events:
    """One stream, and everything that came over it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.messages: list[Message] = []
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self.ended = asyncio.Event()
        self._data: list[str] = []
        self._id: str | None = None
        self._changed = asyncio.Condition()

    def of(self, *types: str) -> list[Message]:
        """All messages of these types, in order of arrival."""
        return [message for message in self.messages if message["type"] in types]

    def seqs(self, symbol: str) -> list[int]:
        """The numbers of a symbol's prices, in order of arrival."""
        ticks = [tick for message in self.of("tick", "snapshot", "ticks") for tick in message.get("ticks", [message])]
        return [tick["seq"] for tick in ticks if tick["symbol"] == symbol]

    def newest(self, symbol: str) -> int:
        """The number of a symbol's newest price; 0 before the first."""
        return next(reversed(self.seqs(symbol)), 0)

    async def until(self, condition: Callable[["Events"], Any], within_s: float = 20) -> None:
        """Wait for ``condition``, looked at after each line."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def read(self, lines: AsyncIterable[bytes]) -> None:
        """Take lines until the stream ends."""
        try:
            async for line in lines:
                self._line(line.decode().removesuffix("\n").removesuffix("\r"))
                async with self._changed:
                    self._changed.notify_all()
        finally:
            self.ended.set()
            async with self._changed:
                self._changed.notify_all()

    def _line(self, line: str) -> None:
        if not line:
            if self._id is not None:
                self.last_event_id = self._id
            if self._data:
                self.messages.append(orjson.loads("\n".join(self._data)))
            self._data = []
            return
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "data":
                self._data.append(value)
            case "id":
                self._id = value
            case "retry":
                self.retry_ms = int(value)
            case _:
                assert field == "", line


@asynccontextmanager
async def listening(url: str, **headers: str) -> AsyncIterator[Events]:
    """An open stream; ``headers`` have underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    events = Events()
    async with ClientSession(timeout=ClientTimeout(total=None)) as http, http.get(url, headers=named) as response:
        events.status, events.headers = response.status, response.headers
        assert response.status == 200, await response.text()
        reading = asyncio.create_task(events.read(response.content))
        try:
            yield events
        finally:
            reading.cancel()
            await asyncio.wait((reading,))
