"""How many ticks are in these bytes? WebSocket framing (RFC 6455) as a client needs it, counted, not parsed.

At a million ticks a second there is no time to look at each. All ticks of a bench are equally long. So after the first
one, the header of every following frame is at a known distance: four strided slices compare all headers in a buffer at
once, about 5 ns a tick. Other bytes are walked frame by frame.
"""

import base64
import hashlib
import json
from collections.abc import Callable

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = base64.b64encode(b"tickgate's bench")
_ACCEPT = base64.b64encode(hashlib.sha1(_KEY + _GUID, usedforsecurity=False).digest())
_LONGEST_READ = 1 << 18


class WireError(Exception):
    """The server broke the protocol."""


def accept_of(key: bytes) -> bytes:
    """A server's answer to ``Sec-WebSocket-Key: key`` (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def upgrade_request(host: str, port: int, path: str = "/ws", headers: str = "") -> bytes:
    """The request that opens a WebSocket; each of more ``headers`` ends with CR and LF."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY.decode()}\r\n{headers}\r\n"
    ).encode()


def upgrade_end(answer: bytes) -> int:
    """Where the answer to `upgrade_request` ends and frames begin, or 0 while it is incomplete.

    Raises:
        WireError: not a 101, or the wrong accept value.
    """
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    if not answer.startswith(b"HTTP/1.1 101") or _ACCEPT not in answer[:end]:
        raise WireError(f"the upgrade was answered with {answer[:80]!r}")
    return end + 4


def client_frame(opcode: int, payload: bytes) -> bytes:
    """A client's message in one frame. Its mask is zero, which is a mask all the same (RFC 6455, 5.3)."""
    return masked_frame(0x80 | opcode, payload)


def masked_frame(first: int, payload: bytes) -> bytes:
    """A client's frame of any kind; ``first`` is its first byte: FIN, reserved bits and opcode."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0xFE)) + size.to_bytes(2)
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8)
    return head + b"\0\0\0\0" + payload


def server_frame(opcode: int, payload: bytes) -> bytes:
    """A server's frame: unmasked, so the same for every client."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2) + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8) + payload


def command(**fields: object) -> bytes:
    """A client's JSON message, framed."""
    return client_frame(TEXT, json.dumps(fields, separators=(",", ":")).encode())


def frame_bounds(data: bytes, at: int) -> tuple[int, int, int] | None:
    """``(opcode, payload start, payload end)`` of the frame that begins at ``at``; None while its header is cut.

    The payload may end beyond ``data``.

    Raises:
        WireError: a fragment, reserved bits or a mask, none of which a server of ours sends.
    """
    have = len(data) - at
    if have < 2:
        return None
    first, size = data[at], data[at + 1]
    if first & 0xF0 != 0x80 or size & 0x80:
        raise WireError(f"a frame begins with {data[at : at + 2].hex()}")
    start = at + 2
    if size == 126:
        if have < 4:
            return None
        size, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
    elif size == 127:
        if have < 10:
            return None
        size, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
    return first & 0x0F, start, start + size


class Shape:
    """The first bytes of a frame with one tick, and its size in bytes, including the header."""

    def __init__(self, frame: bytes) -> None:
        self.head = frame[:4]
        self.size = len(frame)
        self._columns = [bytes((byte,)) * (_LONGEST_READ // self.size + 1) for byte in self.head]

    def run(self, data: bytes, at: int) -> int:
        """How many whole frames of this shape are known to be at ``at``: all that fit, one, or none."""
        most = (len(data) - at) // self.size
        if not most or not data.startswith(self.head, at):
            return 0
        return most if self.fits(data, at, at + most * self.size, most) else 1

    def fits(self, buffer: bytes | bytearray, start: int, end: int, frames: int) -> bool:
        """Whether ``frames`` frames of this shape begin from ``start`` on, one right after the other."""
        if frames == 1:
            return buffer[start : start + 4] == self.head
        size = self.size
        first, second, third, fourth = self._columns
        return (
            buffer[start:end:size] == first[:frames]
            and buffer[start + 1 : end : size] == second[:frames]
            and buffer[start + 2 : end : size] == third[:frames]
            and buffer[start + 3 : end : size] == fourth[:frames]
        )


class Stream:
    """The frames of one connection, counted as they arrive.

    ``on_frame(opcode, payload)`` is called for every frame that is walked and returns the ticks in it; frames
    of the known shape are counted without it.
    """

    __slots__ = ("carry", "on_frame", "shape", "skip")

    def __init__(self, on_frame: Callable[[int, bytes], int]) -> None:
        self.on_frame = on_frame
        self.shape: Shape | None = None
        self.skip = 0
        """Bytes still to come of a counted tick."""
        self.carry = b""
        """The first bytes of a frame that could not be counted yet."""

    def feed(self, buffer: bytearray, length: int) -> int:
        """Count the ticks in ``buffer[:length]``; one that is cut counts where it begins.

        Raises:
            WireError: see `frame_bounds`.
        """
        shape = self.shape
        if shape is None or self.carry:
            return self._walk(self.carry + buffer[:length])
        start = self.skip
        if start >= length:
            self.skip = start - length
            return 0
        size = shape.size
        frames, rest = divmod(length - start, size)
        end = length
        if rest >= 4:
            frames += 1
        else:
            end -= rest
        if not frames or not shape.fits(buffer, start, end, frames):
            return self._walk(bytes(buffer[:length]))
        if rest >= 4:
            self.skip = size - rest
        else:
            self.skip = 0
            self.carry = bytes(buffer[end:length])
        return frames

    def _walk(self, data: bytes) -> int:
        ticks = 0
        at, self.skip, self.carry = self.skip, 0, b""
        if at >= len(data):
            self.skip = at - len(data)
            return 0
        shape = self.shape
        while at < len(data):
            bounds = frame_bounds(data, at)
            if bounds is None or bounds[2] > len(data):
                if shape is not None and data[at : at + 4] == shape.head:
                    self.skip = at + shape.size - len(data)
                    return ticks + 1
                self.carry = data[at:]
                return ticks
            opcode, start, end = bounds
            run = shape.run(data, at) if shape is not None else 0
            if shape is not None and run:
                ticks += run
                at += run * shape.size
            else:
                ticks += self.on_frame(opcode, data[start:end])
                at = end
                # It may just have been the first tick.
                shape = self.shape
        return ticks
