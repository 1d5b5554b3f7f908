"""A gateway in a process of its own, visited by strangers over real sockets while a witness looks on."""

import asyncio
import random
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import CLIENT, Protocol

from deploy.launcher.stack import Stack
from deploy.ports import Address
from deploy.process.processes import Process
from gateway.websocket.close_codes import CloseReason
from tests.fuzz.asking import asking
from tests.fuzz.damage import damaged, in_pieces
from tests.fuzz.memory import held_by
from tests.fuzz.report import Result
from tests.fuzz.streams import costly, stream
from tests.fuzz.witness import Witness, witness
from tests.integration.stacks import run_plan, ws_url

_AT_ONCE: Final = 16
_WARM_UP: Final = 0.1
_WITHOUT_HANDSHAKE: Final = 0.2
_FOR_AN_ANSWER_S: Final = 0.1
_FEWEST_TO_TELL: Final = 1_000
_PATIENCE_S: Final = 30
"""A generous bound for whatever takes milliseconds."""
_HISTORY_BYTES: Final = 2**18
_MOST_AGE_S: Final = 3
"""No tick may come to the witness later: what is older than this is stale by the gateway's own measure."""

_OUR_CODES: Final = frozenset(reason.code for reason in CloseReason)

_HANDSHAKE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
_EXTRAS: Final = (
    b"",
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
    b"Sec-WebSocket-Protocol: tickgate.v1.msgpack\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nOrigin: http://127.0.0.1\r\n",
)


class Visit(Struct, frozen=True):
    """What one stranger sends, and how it leaves."""

    pieces: list[bytes]
    polite: bool
    """Whether it says that it has sent everything, and reads to the end; else it is gone at once."""
    patience_s: float = 0
    """How long it waits for an answer before it says so: a request is not answered to who has gone."""


def visit(rng: random.Random) -> Visit:
    """A handshake and some frames; now and then the handshake is broken too, or there is none."""
    if rng.random() < _WITHOUT_HANDSHAKE:
        return Visit(in_pieces(rng, asking(rng))[:200], rng.random() < 0.9, patience_s=_FOR_AN_ANSWER_S)
    handshake = _HANDSHAKE + rng.choice(_EXTRAS) + b"\r\n"
    if rng.random() < 0.15:
        handshake = damaged(rng, handshake)
    frames = costly(rng) if rng.random() < 0.2 else stream(rng)
    return Visit(in_pieces(rng, handshake + frames)[:200], rng.random() < 0.9)


async def pay(address: Address, visit: Visit) -> str:
    """Send it all, and say what the gateway answered.

    Raises:
        ValueError: what came back is not HTTP and WebSocket.
        TimeoutError: the gateway did not let go.
    """
    async with asyncio.timeout(_PATIENCE_S):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            for piece in visit.pieces:
                if writer.transport.is_closing():
                    break
                writer.write(piece)
                await asyncio.sleep(0)
            if not visit.polite:
                # A reset in the middle of everything.
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                return "gone without a word"
            answer = b""
            if visit.patience_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(visit.patience_s):
                        answer = await reader.read(65536)
            if not writer.transport.is_closing():
                writer.write_eof()
            return read_answer(answer + await reader.read(-1))
        except OSError:
            return "cut off"
        finally:
            writer.close()


def read_answer(answer: bytes) -> str:
    """How a connection ended, by all that the gateway said on it.

    Raises:
        ValueError: it is not HTTP and WebSocket.
    """
    head, _, frames = answer.partition(b"\r\n\r\n")
    if not head:
        return "no answer"
    if not head.startswith(b"HTTP/"):
        raise ValueError(f"an answer that is not HTTP: {answer[:100]!r}")
    status = head[9:12].decode()
    if status != "101":
        return f"HTTP {status}"
    protocol = Protocol(CLIENT, max_size=None)
    if b"permessage-deflate" in head:
        protocol.extensions = [PerMessageDeflate(True, True, 15, 15)]
    protocol.receive_data(frames)
    if protocol.parser_exc is not None:
        raise ValueError(f"frames that are none: {protocol.parser_exc} in {frames[:200]!r}")
    close = protocol.close_rcvd
    if close is None:
        return "taken"
    chosen_by_the_client = 3000 <= close.code < 5000 and close.code not in _OUR_CODES
    return f"closed with {close.code}" if not chosen_by_the_client else "closed with the client's own code"


class Visiting:
    """The target, and what is known of it."""

    def __init__(self, gateway: Process, address: Address, looking: Witness, said: list[str]) -> None:
        """``said`` grows with all that the gateway finds worth a warning; bad input is not."""
        self._gateway = gateway
        self._address = address
        self._looking = looking
        self._said = said
        self._files = self._open_files()

    async def run(self, inputs: int, rng: random.Random) -> Result:
        """Send that many strangers; a breach is noted, and does not end it."""
        result = Result("gateway, over sockets")
        start = time.perf_counter()
        if inputs >= _FEWEST_TO_TELL:
            warm_up = int(inputs * _WARM_UP)
            await self._send(result, warm_up, rng)
            result.before = held_by(self._gateway.pid)
        await self._send(result, inputs - result.inputs, rng)
        result.seconds = time.perf_counter() - start
        await self._until_alone(result)
        if result.before is not None:
            result.after = held_by(self._gateway.pid)
        result.judge_memory()
        self._hear_witness(result)
        result.breaches += [f"the gateway said: {line}" for line in self._said]
        return result

    async def _send(self, result: Result, inputs: int, rng: random.Random) -> None:
        for begin in range(0, inputs, _AT_ONCE):
            visits = [visit(rng) for _ in range(min(_AT_ONCE, inputs - begin))]
            outcomes = await asyncio.gather(*(self._receive(result, one) for one in visits))
            result.outcomes.update(outcomes)
            result.inputs += len(visits)

    async def _receive(self, result: Result, stranger: Visit) -> str:
        try:
            return await pay(self._address, stranger)
        except (ValueError, TimeoutError) as error:
            result.breaches.append(f"{type(error).__name__}: {error} on {b''.join(stranger.pieces)[:600]!r}")
            return "BREACH"

    async def _until_alone(self, result: Result) -> None:
        """Wait until the gateway has let go of every stranger."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while self._open_files() > self._files:  # noqa: ASYNC110 # another process tells nobody
                    await asyncio.sleep(0.05)
        except TimeoutError:
            result.breaches.append(f"{self._open_files() - self._files} more files are open than at the start")

    def _hear_witness(self, result: Result) -> None:
        looking = self._looking
        result.notes.append(
            f"witness   {looking.ticks:,} ticks, {looking.gaps} gaps, none older than {looking.oldest_s * 1000:.0f} ms"
        )
        if looking.end:
            result.breaches.append(f"the witness {looking.end}")
        if looking.gaps:
            result.breaches.append(f"the witness missed ticks {looking.gaps} times")
        if looking.oldest_s > _MOST_AGE_S:
            result.breaches.append(f"a tick came to the witness {looking.oldest_s:.1f} s late")

    def _open_files(self) -> int:
        return len(list(Path("/proc", str(self._gateway.pid), "fd").iterdir()))


@asynccontextmanager
async def gateway_under_fire() -> AsyncIterator[Visiting]:
    """A gateway with a bus, a poller and a witness."""
    # The history grows with the ticks, whatever strangers send: it is full before memory is looked at first.
    plan = run_plan(LOG_LEVEL="WARNING", HISTORY_BYTES=str(_HISTORY_BYTES))
    (program,) = plan.gateways
    said: list[str] = []

    def hear(name: str, line: str) -> None:
        # Who meets a limit, or comes under a wrong name, is told of once, and not for being wrong.
        if name == program.name and not any(
            f" gateway.admission.{log}: " in line for log in ("limits.limit_log", "names")
        ):
            said.append(line)

    stack = Stack(plan, hear)
    try:
        async with asyncio.timeout(60):
            await stack.start()
        async with witness(ws_url(stack)) as looking:
            yield Visiting(stack[program.name], plan.front, looking, said)
    finally:
        await stack.stop()
