"""Frames of a server, read back by the `websockets` library."""

import msgspec
import pytest

from gateway.websocket.framing.frames import TEXT, frame
from tests.fakes import decoded


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
def test_a_frame_of_any_length_is_read_back_whole(size: int) -> None:
    """Every one of the three length forms of RFC 6455 carries its payload."""
    payload = msgspec.json.encode("x" * size)
    assert ["x" * size] == list(decoded(frame(TEXT, payload)))
