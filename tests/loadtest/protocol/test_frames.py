"""Tests of `loadtest.protocol._frames`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.websocket.framing.deflate import compress
from loadtest.protocol._frames import BINARY, CLOSE, PING, FrameParser, ProtocolError


def frame(head: int, payload: bytes) -> bytes:
    """A server's frame (RFC 6455, section 5.2), written here apart from any code under test."""
    if len(payload) < 126:
        return bytes([head, len(payload)]) + payload
    if len(payload) < 1 << 16:
        return bytes([head, 126]) + len(payload).to_bytes(2, "big") + payload
    return bytes([head, 127]) + len(payload).to_bytes(8, "big") + payload


@given(st.data())
def test_messages_survive_any_cut_of_the_stream(data: st.DataObject) -> None:
    """However the stream is cut into reads, the same messages come out in the same order."""
    texts = data.draw(st.lists(st.binary(max_size=300), max_size=8))
    stream = b"".join(frame(0x81, text) for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    parser = FrameParser()
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += parser.feed(stream[start:stop])[0]
    assert texts == found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_every_form_of_length_is_read(size: int) -> None:
    """Messages of each length encoding come out whole."""
    assert ([b"x" * size], []) == FrameParser().feed(frame(0x81, b"x" * size))


def test_a_fragmented_message_is_joined_around_a_ping() -> None:
    """Fragments become one message, and a control frame between them is told apart."""
    stream = frame(0x01, b"he") + frame(0x89, b"?") + frame(0x00, b"ll") + frame(0x80, b"o") + frame(0x81, b"!")
    assert ([b"hello", b"!"], [(PING, b"?")]) == FrameParser().feed(stream)


def test_a_close_frame_is_a_control_frame() -> None:
    """A close frame comes out beside the messages before it."""
    assert ([b"a"], [(CLOSE, b"\x03\xf4")]) == FrameParser().feed(frame(0x81, b"a") + frame(0x88, b"\x03\xf4"))


def test_a_binary_message_is_one_where_that_was_agreed() -> None:
    """With another opcode agreed on, text is refused in its place."""
    assert ([b"a", b"bc"], []) == FrameParser(BINARY).feed(frame(0x82, b"a") + frame(0x02, b"b") + frame(0x80, b"c"))
    with pytest.raises(ProtocolError):
        FrameParser(BINARY).feed(frame(0x81, b"a"))


def test_compressed_messages_are_inflated_each_by_itself() -> None:
    """What the gateway compresses comes out as it was, beside messages that are not compressed."""
    text = b'{"type":"ticks"}' * 20
    stream = frame(0xC1, compress(text)) + frame(0x81, b"plain") + frame(0xC1, compress(text))
    assert ([text, b"plain", text], []) == FrameParser(deflate=True).feed(stream)
    with pytest.raises(ProtocolError):
        FrameParser(deflate=True).feed(frame(0xC1, b"\xff\xff\xff"))


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\x81\x85abcdhello", id="masked"),
        pytest.param(frame(0x82, b"binary"), id="binary"),
        pytest.param(frame(0xC1, b"compressed"), id="RSV1 that was not negotiated"),
        pytest.param(frame(0x80, b"end"), id="continuation of nothing"),
        pytest.param(frame(0x01, b"a") + frame(0x81, b"b"), id="text within a fragmented text"),
        pytest.param(frame(0x83, b"?"), id="reserved opcode"),
    ],
)
def test_what_was_not_agreed_on_is_refused(stream: bytes) -> None:
    """A frame that this client must not be sent is an error, not a message."""
    with pytest.raises(ProtocolError):
        FrameParser().feed(stream)
