"""Counting ticks in the bytes of a WebSocket."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.clients.wire import (
    BINARY,
    PING,
    TEXT,
    Shape,
    Stream,
    WireError,
    accept_of,
    client_frame,
    command,
    frame_bounds,
    server_frame,
    upgrade_end,
    upgrade_request,
)

TICK = b'{"type":"tick","symbol":"C00USDT","seq":1795000000000,' + b"x" * 140 + b"}"
LONGER = b'{"type":"tick","symbol":"LONGERUSDT","seq":1795000000000,' + b"x" * 160 + b"}"
SHORT = b'{"type":"tick","seq":1}'
BATCH = b'{"type":"ticks","ticks":[{"seq":1},{"seq":2},{"seq":3}]}'
OTHERS = {b'{"type":"status"}': 0, BATCH: 3, LONGER: 1, SHORT: 1, TICK: 1, b"y" * 70_000: 0}


class Frames:
    """Collects what a `Stream` walks, and counts it as the client does."""

    def __init__(self, shape: Shape | None) -> None:
        self.seen: list[tuple[int, bytes]] = []
        self.stream = Stream(self.on_frame)
        self.stream.shape = shape

    def on_frame(self, opcode: int, payload: bytes) -> int:
        self.seen.append((opcode, payload))
        return payload.count(b'"seq":')

    def feed(self, *reads: bytes) -> int:
        return sum(self.stream.feed(bytearray(read), len(read)) for read in reads)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at these places."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(st.sampled_from([TICK, TICK, TICK, *OTHERS]), min_size=1, max_size=30),
    st.lists(st.integers(0, 1 << 20), max_size=20),
    st.booleans(),
)
def test_counts_every_tick_once_however_the_bytes_are_cut(
    payloads: list[bytes], places: list[int], shaped: bool
) -> None:
    """Whatever the mix of messages and the sizes of reads, the count is that of the messages."""
    frames = Frames(Shape(server_frame(TEXT, TICK)) if shaped else None)
    data = b"".join(server_frame(TEXT, payload) for payload in payloads)
    assert frames.feed(*cut(data, places)) == sum(OTHERS[payload] for payload in payloads)


def test_frames_of_the_known_shape_are_not_walked() -> None:
    """Ticks like the first are counted by their headers alone."""
    frames = Frames(Shape(server_frame(TEXT, TICK)))
    assert frames.feed(server_frame(TEXT, TICK) * 100) == 100
    assert frames.seen == []


def test_what_is_not_a_tick_is_handed_on_among_ticks() -> None:
    """A message in the midst of ticks is seen, and the ticks beside it are counted."""
    frames = Frames(Shape(server_frame(TEXT, TICK)))
    tick = server_frame(TEXT, TICK)
    assert frames.feed(tick + server_frame(PING, b"ping") + tick, tick) == 3
    assert frames.seen == [(PING, b"ping")]


def test_counting_by_shape_goes_on_after_a_walk() -> None:
    """One odd message does not make every later read a slow one."""
    frames = Frames(Shape(server_frame(TEXT, TICK)))
    tick = server_frame(TEXT, TICK)
    frames.feed(server_frame(PING, b"") + tick + tick[:50])
    frames.seen.clear()
    assert frames.feed(tick[50:] + tick * 9) == 9
    assert frames.seen == []


@pytest.mark.parametrize("broken", [b"\x01\x00", b"\xc1\x00", b"\x81\x80"])
def test_a_frame_that_no_server_of_ours_sends_is_an_error(broken: bytes) -> None:
    """Fragments, reserved bits and masks are refused rather than miscounted."""
    with pytest.raises(WireError):
        Frames(None).feed(server_frame(TEXT, b"{}") + broken + b"\0" * 8)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_bounds_of_a_frame_are_where_it_was_made(size: int) -> None:
    """All three forms of the length are read as they are written."""
    data = b"zz" + server_frame(BINARY, b"p" * size)
    assert frame_bounds(data, 2) == (BINARY, len(data) - size, len(data))


def test_bounds_of_a_cut_header_are_unknown() -> None:
    """As long as a header is incomplete, nothing is said about it."""
    frame = server_frame(TEXT, b"p" * 70_000)
    assert [frame_bounds(frame[:have], 0) for have in range(10)] == [None] * 10


def test_a_clients_frame_is_masked() -> None:
    """A server may close on an unmasked frame (RFC 6455, 5.1)."""
    assert client_frame(TEXT, b"hi") == b"\x81\x82\0\0\0\0hi"
    assert client_frame(TEXT, b"h" * 126)[:4] == b"\x81\xfe\x00\x7e"


def test_a_command_is_compact_json() -> None:
    """What a client says is one text frame."""
    assert command(type="ping") == client_frame(TEXT, b'{"type":"ping"}')


def test_the_accept_value_is_that_of_the_rfc() -> None:
    """The example of RFC 6455, section 1.3."""
    assert accept_of(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_upgrade_ends_where_frames_begin() -> None:
    """Bytes after the answer's empty line are the first frame."""
    request = upgrade_request("127.0.0.1", 80)
    key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    answer = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + accept_of(key) + b"\r\n\r\n"
    assert upgrade_end(answer[:-1]) == 0
    assert upgrade_end(answer + b"\x81\x00") == len(answer)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 503 Full\r\n\r\n", b"HTTP/1.1 101 Ok\r\nSec-WebSocket-Accept: x\r\n\r\n"]
)
def test_a_refused_upgrade_is_an_error(answer: bytes) -> None:
    """Another status, or the answer to somebody else's key."""
    with pytest.raises(WireError, match="upgrade"):
        upgrade_end(answer)
