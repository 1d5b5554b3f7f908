"""A client's connection, whose bytes can be cut anywhere.

The protocol is that of `websockets`, which shares no code with the gateway; the socket is ours, to be reset, half
closed, or left unread.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

import msgpack
import orjson
from msgspec import Struct
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from tests.soak.endpoints import Endpoint

Message = dict[str, Any]

PATIENCE_S = 15.0
"""For an answer, or the end of what was ended; a gateway that is frozen for a while is not given up."""

_NO_LINGER = struct.pack("ii", 1, 0)


class RefusedError(Exception):
    """The handshake was answered with another HTTP status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused {status}")
        self.status = status


class EndedError(Exception):
    """The connection has ended: with a close code, 1006 where there was none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed {code}")
        self.code = code


class Handshake(Struct, frozen=True, kw_only=True):
    """How a client asks to be let in."""

    path: str = "/ws"
    token: str | None = None
    """To be shown in the handshake."""
    binary: bool = False
    """Whether MessagePack is asked for."""
    deflate: bool = False
    receive_buffer: int = 0
    """SO_RCVBUF in bytes; 0 leaves it to the kernel."""


class Line(asyncio.Protocol):
    """One WebSocket connection to a gateway."""

    def __init__(self, endpoint: Endpoint, handshake: Handshake, receive: Callable[[Message], object]) -> None:
        """``receive`` is called with every message. Nothing is connected before `open`."""
        self._endpoint = endpoint
        self._handshake = handshake
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._protocol = ClientProtocol(
            parse_uri(f"ws://{endpoint.host}:{endpoint.port}{handshake.path}"),
            subprotocols=[Subprotocol("tickgate.v1.msgpack")] if handshake.binary else None,
            extensions=[ClientPerMessageDeflateFactory()] if handshake.deflate else None,
            max_size=None,
        )
        self._answered: asyncio.Future[None] = self._loop.create_future()
        # Whoever waited for it may have been cancelled in the meantime.
        self._answered.add_done_callback(lambda answered: answered.cancelled() or answered.exception())
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._half_closed = False
        self.violation = ""
        """What the gateway has sent that is not WebSocket."""

    async def open(self) -> "Line":
        """Connect and shake hands.

        Raises:
            OSError: nobody is there, or nobody answers.
            RefusedError: there is no coming in.
        """
        sock = socket.socket()
        sock.setblocking(False)
        if self._handshake.receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._handshake.receive_buffer)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._loop.sock_connect(sock, (self._endpoint.host, self._endpoint.port))
                await self._loop.create_connection(lambda: self, sock=sock)
                request = self._protocol.connect()
                if self._handshake.token is not None:
                    request.headers["Authorization"] = f"Bearer {self._handshake.token}"
                self._protocol.send_request(request)
                self._flush()
                await self._answered
        except BaseException:
            sock.close() if self._transport is None else self.drop()
            raise
        return self

    def say(self, message: Message) -> None:
        """Send ``message`` in the encoding agreed on.

        Raises:
            EndedError: nobody would hear it.
        """
        if self._protocol.state is not State.OPEN or self._ended.done():
            raise EndedError(self.close_code)
        if self._handshake.binary:
            self._protocol.send_binary(msgpack.packb(message))
        else:
            self._protocol.send_text(orjson.dumps(message))
        self._flush()

    def throw(self, data: bytes) -> None:
        """Send ``data`` as it stands."""
        self._connected.write(data)

    async def hear(self, seconds: float) -> None:
        """Let messages come for so long.

        Raises:
            EndedError: the connection has ended.
        """
        await asyncio.wait((self._ended,), timeout=seconds)
        if self._ended.done():
            raise EndedError(self.close_code)

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Wait for the end of the connection; its close code.

        Raises:
            TimeoutError: it goes on.
        """
        async with asyncio.timeout(within_s):
            await asyncio.shield(self._ended)
        return self.close_code

    def stop_reading(self) -> None:
        """Leave what comes in the kernel, until `read_again`."""
        self._connected.pause_reading()

    def read_again(self) -> None:
        """After `stop_reading`."""
        self._connected.resume_reading()

    async def leave(self) -> None:
        """Say good-bye, and wait until the gateway does too."""
        if self._protocol.state is State.OPEN and not self._ended.done():
            self._protocol.send_close(1000)
            self._flush()
        await self.ended()

    async def half_close(self) -> None:
        """Send no more, and wait until the gateway does not either."""
        if not self._ended.done():
            self._half_closed = True
            self._connected.write_eof()
        await self.ended()

    def drop(self, *, reset: bool = False) -> None:
        """Close the socket without a word; with ``reset`` the kernel throws away whatever is under way."""
        if reset and not self._ended.done():
            self._connected.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._connected.abort()

    @property
    def close_code(self) -> int:
        """That of an ended connection; 1006 where none was given."""
        return self._protocol.close_code or 1006

    @property
    def _connected(self) -> asyncio.Transport:
        assert self._transport is not None, "open it first"
        return self._transport

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse, answer what the protocol itself answers, and hand on the messages."""
        protocol = self._protocol
        protocol.receive_data(data)
        self._flush()
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._receive(orjson.loads(event.data))
            elif isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                self._receive(msgpack.unpackb(event.data))
        if protocol.parser_exc is not None and not isinstance(protocol.parser_exc, EOFError):
            self.violation = str(protocol.parser_exc)
        self._settle()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self._protocol.receive_eof()

    def connection_lost(self, _error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._protocol.receive_eof()
        self._settle()
        if not self._answered.done():
            self._answered.set_exception(ConnectionError("no answer to the handshake"))
        self._ended.set_result(None)

    def _settle(self) -> None:
        if self._answered.done():
            return
        refusal = self._protocol.handshake_exc
        status = getattr(getattr(refusal, "response", None), "status_code", None)
        if status is not None:
            self._answered.set_exception(RefusedError(status))
        elif refusal is None and self._protocol.state is not State.CONNECTING:
            self._answered.set_result(None)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            # Nothing stands for the end of the stream; but it is for the server to close (RFC 6455, section 7.1.1).
            if data and not self._half_closed:
                self._connected.write(data)
