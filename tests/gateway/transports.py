"""A transport without a socket, for tests in virtual time."""

import asyncio
from typing import Any


class RecordingTransport(asyncio.Transport):
    """Keeps what is written. The test says what comes in; of its end its protocol hears as from a real one."""

    def __init__(self, protocol: asyncio.Protocol | None = None, peer: str | None = "192.0.2.1") -> None:
        super().__init__()
        self.peer = peer
        self.written = bytearray()
        self.aborted = False
        self.lost = False
        self.finished = False
        """Whether the end of what is written was written too."""
        self._closing = False
        self._reading = True
        self._unread = b""
        self._protocol = protocol
        if protocol is not None:
            protocol.connection_made(self)

    @property
    def protocol(self) -> asyncio.Protocol:
        assert self._protocol is not None
        return self._protocol

    def receive(self, data: bytes) -> None:
        """Bytes from the other end; none are read any more of a transport that closes, and none while it pauses."""
        if not self._reading or self._unread:
            self._unread += data
        elif not self._closing:
            self.protocol.data_received(data)

    def hang_up(self) -> None:
        """The other end is gone."""
        self.abort()
        self.aborted = False

    # What the gateway's own code calls.

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.Protocol:
        return self.protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.peer, 50_000) if name == "peername" and self.peer is not None else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: Any) -> None:
        assert not self.lost
        self.written += data

    def is_closing(self) -> bool:
        return self._closing

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.finished = True

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._lose)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def pause_reading(self) -> None:
        assert not self._closing
        self._reading = False

    def resume_reading(self) -> None:
        assert not self._closing
        self._reading = True
        asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._reading and self._unread:
            unread, self._unread = self._unread, b""
            self.receive(unread)

    def _lose(self) -> None:
        self.lost = True
        self.protocol.connection_lost(None)
