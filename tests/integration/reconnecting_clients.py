"""Clients that follow the protocol when a gateway goes away, and record what happened to them.

A thousand of them share a core with the programs under test. So they do as little work as possible to read frames.
"""

import asyncio
import bisect
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import orjson

from bench.clients.wire import (
    CLOSE,
    PING,
    PONG,
    WireError,
    client_frame,
    command,
    frame_bounds,
    upgrade_end,
    upgrade_request,
)
from deploy.ports import Address

LEFT = 0
"""The end of a connection that its client ended, because `shutdown` asked for it."""
BROKEN = 1006

_BACKOFF_S = (0.1, 0.5)
_PRICES = (b'{"type":"tick', b'{"type":"snapshot')


class RefusedError(Exception):
    """The answer to the handshake was not 101, or there was none."""


class ReconnectingClient:
    """One client of one symbol. It leaves on `shutdown` if it ``obeys``, and always comes back.

    Without ``manners`` it leaves a little sooner and without a close frame, like a client whose process ends.
    """

    def __init__(self, address: Address, symbol: str, max_hz: float, *, obeys: bool, manners: bool) -> None:
        self._address = address
        self.subscription = command(type="subscribe", symbols=[symbol], max_hz=max_hz)
        self.obeys = obeys
        self.manners = manners
        self._clock = asyncio.get_running_loop().time
        self._received_at: float | None = None
        self.served = asyncio.Event()
        """Set when the first price arrives."""
        self.connects: list[float] = []
        """The start of each connect, in the event loop's time."""
        self.ends: Counter[int] = Counter()
        """How its connections ended: a close code, `LEFT` or `BROKEN`."""
        self.refused: list[str] = []
        """The reason of each refusal."""
        self._longest_gap_s = 0.0

    @property
    def gap_s(self) -> float:
        """The longest time without a price, across connections, including the present one."""
        silent_s = 0.0 if self._received_at is None else self._clock() - self._received_at
        return max(self._longest_gap_s, silent_s)

    async def run(self) -> None:
        """Listen until cancelled."""
        host, port, _ = self._address
        request = upgrade_request(host, port)
        loop = asyncio.get_running_loop()
        while True:
            self.connects.append(self._clock())
            try:
                transport, socket = await loop.create_connection(lambda: _Socket(self, request), host, port)
                try:
                    self.ends[await socket.ended] += 1
                    # 1012 means at once. Any other first end means the same.
                finally:
                    transport.abort()
            except (RefusedError, OSError) as error:
                self.refused.append(str(error))
                await asyncio.sleep(random.uniform(*_BACKOFF_S))

    def received(self) -> None:
        """A price has arrived."""
        now = self._clock()
        if self._received_at is not None:
            self._longest_gap_s = max(self._longest_gap_s, now - self._received_at)
        self._received_at = now
        self.served.set()


class _Socket(asyncio.Protocol):
    """One connection of a reconnecting client."""

    def __init__(self, client: ReconnectingClient, request: bytes) -> None:
        self._client = client
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._upgraded = False
        self._leaving: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[int] = self._loop.create_future()
        """How it ended; or `RefusedError`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        if not self._upgraded:
            try:
                at = upgrade_end(data)
            except WireError as error:
                self._end(RefusedError(str(error)))
                return
            if at:
                self._upgraded = True
                self._transport.write(self._client.subscription)
        while self._upgraded and (bounds := frame_bounds(data, at)) is not None and bounds[2] <= len(data):
            opcode, start, at = bounds
            self._take(opcode, data[start:at])
        self._rest = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
        self._end(BROKEN if self._upgraded else RefusedError("the connection ended before an answer"))

    def _take(self, opcode: int, payload: bytes) -> None:
        if payload.startswith(_PRICES):
            self._client.received()
        elif opcode == PING:
            self._transport.write(client_frame(PONG, payload))
        elif opcode == CLOSE:
            self._transport.write(client_frame(CLOSE, payload[:2]))
            self._end(int.from_bytes(payload[:2]))
        elif self._client.obeys and payload.startswith(b'{"type":"shutdown"'):
            after_s = orjson.loads(payload)["reconnect_after_ms"] / 1000
            if not self._client.manners:
                after_s *= 0.9
            self._leaving = self._loop.call_later(after_s, self._leave)

    def _leave(self) -> None:
        if self._client.manners:
            self._transport.write(client_frame(CLOSE, (1000).to_bytes(2)))
        self._end(LEFT)

    def _end(self, how: int | RefusedError) -> None:
        if self.ended.done():
            return
        if isinstance(how, RefusedError):
            self.ended.set_exception(how)
        else:
            self.ended.set_result(how)


@asynccontextmanager
async def reconnecting(
    address: Address, count: int, symbols: Sequence[str], *, max_hz: float, deaf: float, connects_per_s: float
) -> AsyncIterator[list[ReconnectingClient]]:
    """So many clients, each with its first price.

    A share of ``deaf`` does not obey `shutdown`. Of the others, every second one has no manners.
    """
    rng = random.Random(1)
    clients = [
        ReconnectingClient(
            address, symbols[number % len(symbols)], max_hz, obeys=rng.random() >= deaf, manners=rng.random() < 0.5
        )
        for number in range(count)
    ]
    tasks = []
    try:
        for client in clients:
            tasks.append(asyncio.create_task(client.run()))
            await asyncio.sleep(1 / connects_per_s)
        async with asyncio.timeout(60):
            for client in clients:
                await client.served.wait()
        yield clients
    finally:
        for task in tasks:
            task.cancel()
        # An error that ended one of them is a bug in this module.
        errors = [
            error for error in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(error, Exception)
        ]
        assert errors == []


def peak_rate(moments: Sequence[float], window_s: float) -> float:
    """The highest rate of ``moments`` per second, in any window of ``window_s``."""
    ordered = sorted(moments)
    counts = (bisect.bisect_left(ordered, first + window_s) - number for number, first in enumerate(ordered))
    return max(counts, default=0) / window_s
