"""WebSocket frames of clients (RFC 6455, section 5): bytes in, messages out, no I/O.

Whatever a stranger sends, a parser keeps at most one message and a header. At the first wrong byte it says why the
connection must end.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final, Literal

from msgspec import Struct

from gateway.websocket.framing.frames import CLOSE, TEXT
from gateway.websocket.framing.inflate import Inflater, longest_compressed
from gateway.websocket.framing.masking import unmasked

CONTINUATION: Final = 0x0
REFUSED: Final = 0x3
"""Not an opcode of any frame: it stands for a message that was not admitted."""

_FIN: Final = 0x80
_RSV1: Final = 0x40
_OPCODE: Final = 0x0F
_CONTROL: Final = 0x08
_MASKED: Final = 0x80

_HEADS: Final = frozenset((0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A))
"""The first byte of every valid frame: FIN and opcode. A control frame is never fragmented (section 5.5)."""
_DEFLATE_HEADS: Final = _HEADS | {0x41, 0x42, 0xC1, 0xC2}
"""With RSV1 on the first frame of a compressed message (RFC 7692, section 6)."""

_OPCODES: Final = {head & _OPCODE for head in _HEADS}

_CLOSE_CODES: Final = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
"""The codes below 3000 that a client may send (RFC 6455, section 7.4.1, and the IANA registry of close codes)."""

_SHORT: Final = 125
"""The longest payload of a control frame, and of any frame with its length in the second byte."""
_LENGTH_16: Final = 126
"""Means that the length is in the next two bytes; 127: in eight."""


class FailureCode(IntEnum):
    """Why a connection is failed, by close code (RFC 6455, section 7.4.1)."""

    PROTOCOL_ERROR = 1002
    """The bytes are not WebSocket. The reason names the section of the RFC."""
    INVALID_DATA = 1007
    """The text is not UTF-8, or the compressed data is not deflate."""
    TOO_BIG = 1009
    """The message is longer than ``MAX_MESSAGE_BYTES``, or compressed and longer than a compressed one may be."""
    INTERNAL_ERROR = 1011
    """The gateway has a fault."""


class Violation(Struct, frozen=True):
    """Why a connection must be failed (RFC 6455, section 7.1.7)."""

    code: FailureCode
    reason: str
    """For the author of the client; fits into a close frame."""


Receive = Callable[[int, bytes], bool]
"""Takes an opcode and a payload; returns whether to read on."""

MessageVerdict = Literal["ok", "read", "drop"]
"""``ok``: the message is wanted. ``read``: it is not, but later ones may be. ``drop``: none is wanted any more."""

Admit = Callable[[int], MessageVerdict]
"""Called for each message before it is inflated or read. Takes its length if it is compressed, else 0."""


Pauses = Callable[[], bool]
"""Called between two messages: is the rest to wait?"""


def _admit_all(_compressed: int) -> MessageVerdict:
    return "ok"


def _never() -> bool:
    return False


_FORGETFUL: Final = Inflater(0)
"""Serves all clients whose messages stand alone."""


class FrameParser:
    """One client's frames, and its unfinished message."""

    __slots__ = ("_first", "_heads", "_inflater", "_kept", "_limit", "_parts")

    def __init__(self, max_message_bytes: int, *, deflate: bool, window_bytes: int = 0) -> None:
        """``max_message_bytes`` of 0 means no limit; ``deflate`` allows compressed messages.

        ``window_bytes`` is how far back compressed messages may refer to earlier ones.
        """
        self._limit = max_message_bytes
        self._heads = _DEFLATE_HEADS if deflate else _HEADS
        self._inflater = Inflater(window_bytes) if window_bytes else _FORGETFUL
        self._kept: bytearray | None = None
        """An unfinished frame."""
        self._parts: bytearray | None = None
        """The finished frames of an unfinished message."""
        self._first = 0
        """The first byte of the first of these frames."""

    @property
    def window(self) -> int:
        """Bytes kept of past messages, for later ones."""
        inflater = self._inflater
        return 0 if inflater is _FORGETFUL else inflater.kept_bytes

    @property
    def reads_all(self) -> bool:
        """Whether a compressed message must be inflated for later ones to be readable."""
        return self._inflater.must_see_all

    def limit(self, max_message_bytes: int) -> None:
        """Take messages up to another length from now on; 0 means no limit."""
        self._limit = max_message_bytes

    @property
    def unfinished(self) -> tuple[bytearray | None, bytearray | None]:
        """The unfinished frame and the unfinished message. The same object means the same frame or message."""
        return self._kept, self._parts

    def forget(self) -> None:
        """Keep nothing. Nothing more may be fed."""
        self._kept = self._parts = None

    def keep(self, data: bytes) -> None:
        """Leave ``data`` for later: the next call of `feed` reads it first."""
        if self._kept is None:
            self._kept = bytearray(data)
        else:
            self._kept += data

    def feed(
        self, data: bytes, receive: Receive, admit: Admit = _admit_all, pauses: Pauses = _never
    ) -> Violation | None:
        """Hand over what ``data`` completes, in order; return what is wrong, or None.

        ``receive`` gets TEXT or BINARY with a whole message; CLOSE, PING or PONG with its payload; and CONTINUATION
        with no payload for a frame that leaves its message unfinished, so that frames can be counted. For a message
        that ``admit`` does not want it gets REFUSED with no payload. After a violation, and once ``receive`` has
        returned False, nothing more is parsed, and nothing more may be fed. If ``pauses`` returns True after a message,
        the rest is kept; feed anything, or nothing, to go on.
        """
        stream: bytes | bytearray = data
        if self._kept is not None:
            self._kept += data
            stream = self._kept
        at, end = 0, len(stream)
        while end - at >= 2:
            frame = self._measure(stream, at)
            if isinstance(frame, Violation):
                return frame
            body, after = frame
            if end < after:
                break
            key, payload = bytes(stream[body - 4 : body]), stream[body:after]
            event = self._complete(stream[at], unmasked(key, payload), admit)
            if isinstance(event, Violation):
                return event
            if not receive(*event):
                return None
            at = after
            if at < end and pauses():
                break
        if at == end:
            self._kept = None
        elif at or self._kept is None:
            # Another frame is another object: `unfinished` distinguishes them.
            self._kept = bytearray(stream[at:])
        return None

    def _measure(self, stream: bytes | bytearray, at: int) -> tuple[int, int] | Violation:
        """Where the payload of the frame at ``at`` begins and ends, as far as is known yet."""
        first, second = stream[at], stream[at + 1]
        if first not in self._heads:
            return _explain_head(first)
        if second < _MASKED:
            return Violation(FailureCode.PROTOCOL_ERROR, "frames of a client must be masked (RFC 6455, section 5.1)")
        length = second - _MASKED
        body = at + 6
        if first & _CONTROL:
            if length > _SHORT:
                return Violation(
                    FailureCode.PROTOCOL_ERROR, "a control frame has at most 125 bytes (RFC 6455, section 5.5)"
                )
            return body, body + length
        if (first & _OPCODE == CONTINUATION) == (self._parts is None):
            what = "a continuation of nothing" if self._parts is None else "a message inside of a message"
            return Violation(FailureCode.PROTOCOL_ERROR, f"{what} (RFC 6455, section 5.4)")
        if length > _SHORT:
            width = 2 if length == _LENGTH_16 else 8
            body += width
            if len(stream) < body - 4:
                return body, body
            length = int.from_bytes(stream[at + 2 : at + 2 + width])
            if length <= _SHORT or (width == 8 and not 2**16 <= length < 2**63):
                return Violation(
                    FailureCode.PROTOCOL_ERROR, "a length not in its shortest form (RFC 6455, section 5.2)"
                )
        compressed = _RSV1 & (first if self._parts is None else self._first)
        limit = longest_compressed(self._limit) if compressed else self._limit
        if limit and length + len(self._parts or b"") > limit:
            what = "a compressed message" if compressed else "a message"
            return Violation(FailureCode.TOO_BIG, f"{what} has at most {limit} bytes here")
        return body, body + length

    def _complete(self, first: int, payload: bytes, admit: Admit) -> tuple[int, bytes] | Violation:
        """The event of a whole frame."""
        opcode = first & _OPCODE
        if opcode & _CONTROL:
            wrong = _wrong_close(payload) if opcode == CLOSE else None
            return wrong or (opcode, payload)
        if self._parts is not None:
            self._parts += payload
            if not first & _FIN:
                return CONTINUATION, b""
            first, payload = self._first, bytes(self._parts)
            self._parts = None
        elif not first & _FIN:
            self._first, self._parts = first, bytearray(payload)
            return CONTINUATION, b""
        compressed = first & _RSV1
        verdict = admit(len(payload) if compressed else 0)
        if verdict == "drop" or (verdict == "read" and not (compressed and self._inflater.must_see_all)):
            return REFUSED, b""
        if compressed:
            inflated = self._inflater.inflate(payload, self._limit)
            if inflated is None:
                return Violation(
                    FailureCode.INVALID_DATA, "a message that cannot be inflated (RFC 7692, section 7.2.2)"
                )
            if self._limit and len(inflated) > self._limit:
                return Violation(FailureCode.TOO_BIG, f"a message has at most {self._limit} bytes here")
            payload = inflated
        if verdict == "read":
            return REFUSED, b""
        opcode = first & _OPCODE
        if opcode == TEXT and not _is_utf8(payload):
            return Violation(FailureCode.INVALID_DATA, "text that is not UTF-8 (RFC 6455, section 8.1)")
        return opcode, payload


def _explain_head(first: int) -> Violation:
    if first & _OPCODE not in _OPCODES:
        reason = f"no such opcode: {first & _OPCODE} (RFC 6455, section 5.2)"
    elif first & _CONTROL and not first & _FIN:
        reason = "a control frame in parts (RFC 6455, section 5.5)"
    else:
        reason = "a reserved bit that nothing negotiated here gives a meaning (RFC 6455, section 5.2)"
    return Violation(FailureCode.PROTOCOL_ERROR, reason)


def _wrong_close(payload: bytes) -> Violation | None:
    if not payload:
        return None
    if not _is_utf8(payload[2:]):
        return Violation(FailureCode.INVALID_DATA, "a close reason that is not UTF-8 (RFC 6455, section 5.5.1)")
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not (code in _CLOSE_CODES or 3000 <= code < 5000):
        return Violation(FailureCode.PROTOCOL_ERROR, "no such close code (RFC 6455, section 7.4)")
    return None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
