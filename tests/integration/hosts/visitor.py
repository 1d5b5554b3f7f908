"""A client on a host, for as long as a scenario lasts: whenever its connection ends it comes back; it keeps a diary."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.client import Client, Message
from tests.integration.hosts.namespaces import Namespace

PING_EVERY_S: Final = 1.0
SILENT_AFTER_S: Final = 3.0
"""A careful visitor takes its connection for dead then: `docs/protocol.md`, "A correct client"."""
_CONNECT_WITHIN_S: Final = 5.0
_BACKOFF_S: Final = (0.1, 0.5)

What = Literal["connected", "live", "stale", "closed", "silent", "refused"]


@dataclass(frozen=True)
class Entry:
    """A line of the diary."""

    at: float
    """By the event loop's time."""
    what: What
    detail: str = ""


class Visitor:
    """One client of some symbols. Use it as an async context manager: it visits for the length of the block.

    If it is ``careful``, it sends a ping each second, and leaves a connection over which nothing comes. Otherwise it
    does what the shortest client in README.md does: it reads until the connection ends. If it ``pings`` nevertheless,
    it does not look for the answers.
    """

    def __init__(
        self, namespace: Namespace, address: str, port: int, symbols: Sequence[str], *, careful: bool, pings: bool
    ) -> None:
        self.careful = careful
        self.pings = pings
        self.diary: list[Entry] = []
        self.state: Literal["away", "live", "stale"] = "away"
        self.prices: dict[tuple[str, int], Message] = {}
        """Every price, by symbol and seq."""
        self.wrong: list[str] = []
        """What must never happen: an older price after a newer one, or a number that is none."""
        self._namespace = namespace
        self._address = address
        self._port = port
        self._symbols = symbols
        self._newest: dict[str, Message] = {}
        self._clock = asyncio.get_running_loop().time
        self._received_at = self._clock()
        self._quiet_since: float | None = None
        """The time of the last price on a connection that counts as live."""
        self._silences: list[tuple[float, float]] = []
        """Spans in which no price came although all counted as live: from, to."""
        self._waiting: dict[asyncio.Future[None], Callable[[Visitor], bool]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._visit())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        (outcome,) = await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome

    async def until(self, condition: Callable[["Visitor"], bool], within_s: float) -> None:
        """Wait for ``condition``, looked at whenever anything happens to this visitor.

        Raises:
            TimeoutError: it did not come true in time; the message has the diary.
        """
        if condition(self):
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = condition
        try:
            async with asyncio.timeout(within_s):
                await future
        except TimeoutError:
            raise TimeoutError(f"not within {within_s:g} s: {self.state}, {self.diary[-6:]}") from None
        finally:
            del self._waiting[future]

    def is_current(self, since_us: int) -> bool:
        """Whether it counts its prices as live, and those of all symbols were received from the exchange since then."""
        return self.state == "live" and all(
            self._newest.get(symbol, {"recv_us": -1})["recv_us"] >= since_us for symbol in self._symbols
        )

    def since(self, at: float) -> list[Entry]:
        """The diary from a moment on."""
        return [entry for entry in self.diary if entry.at >= at]

    def told_after(self, at: float) -> Entry | None:
        """The first entry after a moment that says that prices are not current; None if there is none."""
        return next((entry for entry in self.since(at) if entry.what in {"stale", "closed", "silent"}), None)

    def longest_silence(self, since: float) -> float:
        """The longest time after ``since`` in which no price came, and nothing had said that they were not live."""
        spans = [*self._silences]
        if self._quiet_since is not None:
            spans.append((self._quiet_since, self._clock()))
        return max((end - max(begin, since) for begin, end in spans if end > since), default=0.0)

    async def _visit(self) -> None:
        while True:
            try:
                await self._stay()
            except (OSError, TimeoutError, InvalidHandshake, InvalidMessage, EOFError) as error:
                self._note("refused", str(error) or type(error).__name__)
            await asyncio.sleep(random.uniform(*_BACKOFF_S))

    async def _stay(self) -> None:
        """Connect, subscribe, and stay to the end of the connection."""
        made = self._namespace.socket()
        try:
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                await asyncio.get_running_loop().sock_connect(made, (self._address, self._port))
        except BaseException:
            made.close()
            raise
        url = f"ws://{self._address}:{self._port}/ws"
        link = await connect(
            url, sock=made, ping_interval=None, compression=None, open_timeout=_CONNECT_WITHIN_S, max_size=None
        )
        self._newest.clear()
        client = _Reported(link, self._received)
        try:
            self._note("connected")
            await self._send(client, {"type": "subscribe", "symbols": [*self._symbols]})
            self._received_at = self._clock()
            while True:
                await asyncio.wait((client.end,), timeout=PING_EVERY_S if self.pings else None)
                if client.closed:
                    self._note("closed", str(client.close_code))
                    return
                if self.careful and self._clock() - self._received_at > SILENT_AFTER_S:
                    self._note("silent")
                    return
                await self._send(client, {"type": "ping"})
        finally:
            # Whatever the network is like: without a word.
            link.transport.abort()
            await asyncio.wait((client.end,))

    async def _send(self, client: Client, message: Message) -> None:
        # It may be at its end already: that is told once it has been read.
        with suppress(ConnectionClosed):
            await client.send(message)

    def _received(self, message: Message) -> None:
        self._received_at = self._clock()
        match message["type"]:
            case "tick" | "snapshot":
                self._price(message)
            case "ticks":
                for tick in message["ticks"]:
                    self._price(tick)
            case "status":
                self._note(message["feed"], message["reason"])
        self._look()

    def _price(self, price: Message) -> None:
        if self._quiet_since is not None:
            self._silences.append((self._quiet_since, self._received_at))
            self._quiet_since = self._received_at
        symbol, seq = price["symbol"], price["seq"]
        before = self._newest.get(symbol)
        if before is not None and before["seq"] >= seq:
            self.wrong.append(f"{symbol}: {seq} after {before['seq']}")
        numbers = [price.get(name, 0) for name in ("bid", "bid_size", "ask", "ask_size", "last", "volume")]
        if not all(type(number) is int for number in numbers):
            self.wrong.append(f"{symbol} {seq}: {numbers}")
        self._newest[symbol] = self.prices[symbol, seq] = price

    def _note(self, what: What, detail: str = "") -> None:
        now = self._clock()
        if what == "live":
            self._quiet_since = now
        elif what in {"stale", "closed", "silent"}:
            if self._quiet_since is not None:
                self._silences.append((self._quiet_since, now))
            self._quiet_since = None
        if what in {"live", "stale"}:
            self.state = what
        else:
            self.state = "away"
        self.diary.append(Entry(now, what, detail))
        self._look()

    def _look(self) -> None:
        for future, condition in self._waiting.items():
            if not future.done() and condition(self):
                future.set_result(None)


class _Reported(Client):
    """A client whose every message is reported when it comes."""

    def __init__(self, socket: ClientConnection, report: Callable[[Message], None]) -> None:
        self._report = report
        super().__init__(socket)

    @property
    def end(self) -> asyncio.Task[None]:
        return self._reading

    def _receive(self, message: Message) -> None:
        self._report(message)


def now_us() -> int:
    """The wall time, in microseconds: ticks are stamped with it."""
    return time.time_ns() // 1_000
