"""Stand-ins shared by the tests, each named for what it really is."""

import asyncio
import math
import selectors
from collections.abc import Collection, Coroutine, Iterator
from typing import Any, TypeVar

import msgspec
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from gateway.protocol.encoding import Encoding
from gateway.protocol.forms import FramedTick
from gateway.protocol.json_encoding import JSON
from market.prices.tick import Tick

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer as soon as nothing else is left to do.

    ``loop.time()``, sleeps, timeouts and ``call_later`` all follow it, so an hour passes in no time,
    and in the same order every time. Not for code that waits for real sockets.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            # Nothing is scheduled at all: the test waits for something that cannot come.
            raise RuntimeError("the virtual clock has nowhere to jump: every task waits for ever")
        if timeout > 0:
            self._loop.jump(timeout)
        return super().select(0)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end on a `VirtualTimeLoop`."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


class Stopwatch:
    """A timer that goes as far as the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class RecordingMember:
    """A connection without a socket: it keeps what was written, and drains or not as the test says."""

    def __init__(self, encoding: Encoding = JSON) -> None:
        self.encoding = encoding
        self.draining = True
        self.has_unread = False
        self.slow_s = 0.0
        self.rtt_s = math.inf
        self.watched = False
        self.written: list[bytes] = []
        self.aborted = ""
        self._frames: list[Frame] = []
        self._read = 0
        """How many writes are in `_frames` already: stories ask again and again."""

    @property
    def drained(self) -> bool:
        return self.draining

    def send(self, blob: bytes) -> bool:
        if self.draining:
            self.written.append(blob)
        return self.draining

    def enqueue(self, blob: bytes) -> None:
        self.written.append(blob)

    def reply(self, frames: bytes) -> None:
        self.written.append(frames)

    def abort(self, reason: str) -> None:
        self.aborted = reason

    def messages(self) -> list[dict[str, Any]]:
        """Every message written so far, decoded by the `websockets` library, not by our own code."""
        return [message_of(frame) for frame in self._all_frames() if frame.opcode is not Opcode.PING]

    def pings(self) -> list[int]:
        """The numbers of the pings written so far, in order."""
        return [int.from_bytes(frame.data) for frame in self._all_frames() if frame.opcode is Opcode.PING]

    def _all_frames(self) -> list[Frame]:
        self._frames += frames_of(b"".join(self.written[self._read :]))
        self._read = len(self.written)
        return self._frames


class NoGroup:
    """What a cohort needs to know of its group, where a test flushes the cohort itself."""

    pending: Collection[FramedTick] = ()

    def flushed(self, offset: int, /) -> int:
        """Everything was sent."""
        return offset

    def unsent(self, _cohort: object, _at: object, /) -> Collection[FramedTick]:
        """Nothing is left."""
        return ()

    def told(self, _ticks: object) -> None:
        """Every tick is news."""

    def expect(self, _topics: object) -> None:
        """Every tick is news."""


def decoded(stream: bytes) -> Iterator[dict[str, Any]]:
    """The messages in a server's bytes, parsed independently of the code under test; pings are left out."""
    for frame in frames_of(stream):
        if frame.opcode is not Opcode.PING:
            yield message_of(frame)


def message_of(frame: Frame) -> dict[str, Any]:
    """The message in a frame of text, or of MessagePack."""
    decode = msgspec.json.decode if frame.opcode is Opcode.TEXT else msgspec.msgpack.decode
    message: dict[str, Any] = decode(frame.data)
    return message


def frames_of(stream: bytes) -> Iterator[Frame]:
    """The frames in a server's bytes."""
    reader = StreamReader()
    reader.feed_data(stream)
    reader.feed_eof()
    while not at_eof(reader):
        parser = Frame.parse(reader.read_exact, mask=False)
        try:
            next(parser)
        except StopIteration as done:
            yield done.value
        else:
            raise AssertionError("the stream ends inside a frame")


def at_eof(reader: StreamReader) -> bool:
    """Tell whether nothing is left to read."""
    try:
        next(reader.at_eof())
    except StopIteration as done:
        return bool(done.value)
    return False


def tick(symbol: str = "BTCUSDT", seq: int = 1, **fields: Any) -> Tick:
    """A tick whose numbers follow from its seq."""
    numbers = {"bid": 10 * seq, "ask": 10 * seq + 1, "price_scale": 2, "size_scale": 3, "recv_us": 1_000_000 + seq}
    return Tick(symbol=symbol, seq=seq, **(numbers | fields))
