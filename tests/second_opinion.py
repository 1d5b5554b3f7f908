"""A client's bytes, read by the gateway's own reader and by the `websockets` library, and where the two may differ."""

from collections.abc import Iterable
from typing import Final

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from gateway.websocket.framing.parser import FailureCode, FrameParser, Violation
from tests.client_frames import BINARY, CLOSE, CONTINUATION, FIN, PING, RSV1, TEXT, client_frame, deflated

Event = tuple[int, bytes]
"""An opcode and a payload, as `gateway.websocket.framing.parser.Receive` takes them."""

Reading = tuple[list[Event], Violation | None]
"""What was handed over, and what was wrong then."""


def read(*chunks: bytes, limit: int, deflate: bool, window_bytes: int = 0) -> Reading:
    """What the gateway's reader says of ``chunks``, one after the other, up to a close frame."""
    parser = FrameParser(limit, deflate=deflate, window_bytes=window_bytes)
    events: list[Event] = []

    def receive(opcode: int, payload: bytes) -> bool:
        events.append((opcode, payload))
        return opcode != CLOSE

    for chunk in chunks:
        violation = parser.feed(chunk, receive)
        if violation is not None:
            return events, violation
        if events and events[-1][0] == CLOSE:
            break
    return events, None


def read_by_websockets(stream: bytes, *, limit: int, deflate: bool) -> Reading:
    """What the `websockets` library says of ``stream``."""
    protocol = Protocol(SERVER, max_size=limit)
    if deflate:
        protocol.extensions = [PerMessageDeflate(True, True, 15, 15)]
    protocol.receive_data(stream)
    events: list[Event] = []
    opcode, message = CONTINUATION, b""
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            events.append((int(frame.opcode), bytes(frame.data)))
            continue
        if frame.opcode is not Opcode.CONT:
            opcode, message = int(frame.opcode), b""
        message += frame.data
        if not frame.fin:
            events.append((CONTINUATION, b""))
            continue
        if opcode == TEXT and not _is_utf8(message):
            # It leaves this to the caller.
            return events, Violation(FailureCode.INVALID_DATA, "not UTF-8")
        events.append((opcode, message))
    match protocol.parser_exc:
        case None:
            return events, None
        case ProtocolError() as wrong:
            return events, Violation(FailureCode.PROTOCOL_ERROR, str(wrong))
        case UnicodeDecodeError() as wrong:
            return events, Violation(FailureCode.INVALID_DATA, str(wrong))
        case PayloadTooBig() as wrong:
            return events, Violation(FailureCode.TOO_BIG, str(wrong))
        case bug:
            raise bug


_HALF_A_MESSAGE = client_frame(TEXT, b"x")

STRICTER: Final = {
    "shortest form": ("the other takes a length in any form", client_frame(FIN | TEXT, b"x", width=8)),
    "cannot be inflated": (
        "the other takes half a compressed message for a whole one, and an empty payload for an empty message",
        client_frame(FIN | RSV1 | TEXT, deflated(b"Hello world")[:-3]),
    ),
    "reserved bit": (
        "the other looks at reserved bits when a frame is complete, this reader when it begins",
        client_frame(FIN | 0x20 | TEXT, b"more")[:2],
    ),
    "control frame": ("the same of control frames too long or in parts", client_frame(PING, b"more")[:2]),
    "continuation of nothing": ("the same of parts without a beginning", client_frame(CONTINUATION, b"more")[:2]),
    "message inside of a message": ("the same of messages without an end", _HALF_A_MESSAGE + _HALF_A_MESSAGE[:2]),
}
"""For what the gateway's reader refuses a stream that the other takes, or refuses later: why, and an example."""

LAXER: Final = {
    "incomplete fragmented message": (
        "control frames may come amid the parts of a message (RFC 6455, section 5.4), so a client may leave there",
        _HALF_A_MESSAGE + client_frame(FIN | CLOSE),
    ),
    "decompression failed": (
        "the other inflates every part as it comes, this reader when the message is complete",
        client_frame(RSV1 | TEXT, b"\xff"),
    ),
    "after reading": (
        "the other counts a control frame amid the parts of a message against the limit of the message",
        client_frame(TEXT, b"x" * 1000) + client_frame(FIN | PING, b"?"),
    ),
}
"""For what the other refuses a stream that the gateway's reader takes, or refuses later: why, and an example."""


def disagreement(ours: Reading, theirs: Reading) -> str:
    """Where two readings of a stream differ without one of the reasons above; empty where they do not."""
    (events, violation), (others, complaint) = ours, theirs
    if _mentioned(STRICTER, violation) or _mentioned(LAXER, complaint):
        # Where one of them stopped, the other goes on.
        both = min(len(events), len(others))
        same = events[:both] == others[:both]
        if _mentioned(("decompression failed",), complaint):
            # That we have not seen yet, but never shall take for a message.
            same = same and not any(opcode in (TEXT, BINARY) for opcode, _ in events[both:])
    else:
        same = (events, violation and violation.code) == (others, complaint and complaint.code)
    return "" if same else f"read as {ours}, by websockets as {theirs}"


def _mentioned(table: Iterable[str], violation: Violation | None) -> bool:
    return violation is not None and any(part in violation.reason for part in table)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
