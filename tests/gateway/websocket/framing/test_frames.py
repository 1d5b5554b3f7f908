"""Frames of a server, read back by the `websockets` library."""

import msgspec
import pytest
from websockets.frames import Opcode

from gateway.websocket.framing.frames import TEXT, close_frame, frame
from tests.fakes import frames_of


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
def test_a_frame_of_any_length_is_read_back_whole(size: int) -> None:
    """Every one of the three length forms of RFC 6455 carries its payload."""
    payload = msgspec.json.encode("x" * size)
    assert [(Opcode.TEXT, payload)] == [(one.opcode, one.data) for one in frames_of(frame(TEXT, payload))]


def test_a_reason_is_cut_to_what_fits_and_stays_utf8() -> None:
    """A close frame has at most 125 bytes and only whole characters; a code of 0 gives an empty one."""
    [close, empty] = frames_of(close_frame(4408, "ü" * 100) + close_frame(0, "ignored"))
    assert (Opcode.CLOSE, 4408, "ü" * 61) == (
        close.opcode,
        int.from_bytes(close.data[:2]),
        bytes(close.data[2:]).decode(),
    )
    assert b"" == empty.data
