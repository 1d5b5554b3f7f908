"""Clients' frames: right ones come out whole, wrong ones have an error, and the memory is bounded."""

import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.websocket.framing.inflate import longest_compressed
from gateway.websocket.framing.parser import REFUSED, FailureCode, FrameParser, MessageVerdict, Violation
from tests import second_opinion
from tests.client_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RSV1,
    TEXT,
    client_frame,
    close_payload,
    deflated,
    referring,
)
from tests.second_opinion import LAXER, STRICTER, Event, Reading, disagreement, read_by_websockets

LIMIT = 1000

EMPTY_BLOCK = bytes.fromhex("00000000ffff")[1:]
"""A block of DEFLATE with nothing in it (RFC 1951, section 3.2.4)."""


def read(*chunks: bytes, limit: int = LIMIT, deflate: bool = False) -> Reading:
    """All results of a reader for ``chunks``, in order."""
    return second_opinion.read(*chunks, limit=limit, deflate=deflate)


def refused(*chunks: bytes, limit: int = LIMIT, deflate: bool = False) -> tuple[list[Event], FailureCode, str]:
    """The messages before a violation, and its code and reason."""
    events, violation = read(*chunks, limit=limit, deflate=deflate)
    assert violation is not None
    assert len(violation.reason.encode()) <= 123
    return events, violation.code, violation.reason


# What is right.


def test_the_standards_own_example() -> None:
    """The masked "Hello" of RFC 6455, section 5.7, is a text message."""
    assert ([(TEXT, b"Hello")], None) == read(bytes.fromhex("818537fa213d7f9f4d5158"))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_any_length_comes_whole(opcode: int, size: int) -> None:
    """Each of the three forms of a length is read."""
    assert ([(opcode, b"x" * size)], None) == read(client_frame(FIN | opcode, b"x" * size), limit=200_000)


def test_parts_are_put_together_and_control_frames_may_come_between() -> None:
    """A ping between fragments is passed on at once, and every incomplete fragment is reported."""
    parts = (
        client_frame(TEXT, b"\xe2\x82"),
        client_frame(FIN | PING, b"?"),
        client_frame(CONTINUATION, b""),
        client_frame(FIN | CONTINUATION, b"\xac"),
        client_frame(FIN | BINARY, b"next"),
    )
    expected = [(CONTINUATION, b""), (PING, b"?"), (CONTINUATION, b""), (TEXT, "€".encode()), (BINARY, b"next")]
    assert (expected, None) == read(b"".join(parts))


def test_compressed_and_plain_messages_may_alternate() -> None:
    """With compression a message is inflated if its first frame says so, whole or in fragments."""
    payload = deflated("grüße".encode() * 20)
    stream = (
        client_frame(FIN | RSV1 | TEXT, payload)
        + client_frame(FIN | TEXT, b"plain")
        + client_frame(RSV1 | BINARY, payload[:7])
        + client_frame(FIN | CONTINUATION, payload[7:])
    )
    message = "grüße".encode() * 20
    expected = [(TEXT, message), (TEXT, b"plain"), (CONTINUATION, b""), (BINARY, message)]
    assert (expected, None) == read(stream, deflate=True)


def test_a_message_of_just_the_limit_is_taken() -> None:
    """A message may have exactly the limit, whole, in fragments or compressed; control frames do not count."""
    message = b"x" * LIMIT
    streams = (
        client_frame(FIN | BINARY, message),
        client_frame(BINARY, message[:-1]) + client_frame(FIN | PONG, b"y" * 125) + client_frame(FIN, message[-1:]),
        client_frame(FIN | RSV1 | BINARY, deflated(message)),
    )
    assert [(BINARY, message)] * 3 == [read(stream, deflate=True)[0][-1] for stream in streams]


def test_no_limit_is_no_limit() -> None:
    """A limit of 0 is no limit."""
    message = b"x" * 3_000_000
    for stream in (client_frame(FIN | TEXT, message), client_frame(FIN | RSV1 | TEXT, deflated(message))):
        assert ([(TEXT, message)], None) == read(stream, limit=0, deflate=True)


# What is wrong.


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (client_frame(FIN | TEXT, b"x", key=None), "masked"),
        (client_frame(FIN | 0x3), "no such opcode: 3"),
        (client_frame(FIN | 0x7), "no such opcode: 7"),
        (client_frame(FIN | 0xB), "no such opcode: 11"),
        (client_frame(FIN | 0xF), "no such opcode: 15"),
        (client_frame(FIN | RSV1 | TEXT), "reserved bit"),
        (client_frame(FIN | 0x20 | TEXT), "reserved bit"),
        (client_frame(FIN | 0x10 | PING), "reserved bit"),
        (client_frame(PING), "control frame in parts"),
        (client_frame(CLOSE), "control frame in parts"),
        (client_frame(FIN | PING, b"x" * 126), "at most 125 bytes"),
        (client_frame(FIN | CLOSE, b"x", width=8), "at most 125 bytes"),
        (client_frame(FIN | CONTINUATION, b"x"), "continuation of nothing"),
        (client_frame(TEXT, b"x") + client_frame(FIN | TEXT, b"y"), "message inside of a message"),
        (client_frame(TEXT, b"x") + client_frame(BINARY, b"y"), "message inside of a message"),
        (client_frame(FIN | TEXT, b"x" * 125, width=2), "shortest form"),
        (client_frame(FIN | TEXT, b"x" * 126, width=8), "shortest form"),
        (client_frame(FIN | TEXT, length=65535, width=8), "shortest form"),
        (client_frame(FIN | TEXT, length=2**63), "shortest form"),
        (client_frame(FIN | CLOSE, b"\x03"), "close code"),
    ],
)
def test_what_the_protocol_forbids_is_1002(stream: bytes, reason: str) -> None:
    """Each kind of frame that RFC 6455 forbids has an error."""
    _, code, told = refused(stream)
    assert FailureCode.PROTOCOL_ERROR == code
    assert reason in told


def test_reserved_bits_stay_reserved_with_compression() -> None:
    """RSV1 means compression on the first frame of a message only; the other two bits never mean anything."""
    begun = client_frame(RSV1 | TEXT, deflated(b"x"))
    for stream in (
        client_frame(FIN | RSV1 | PING),
        client_frame(FIN | RSV1 | 0x20 | TEXT),
        begun + client_frame(FIN | RSV1 | CONTINUATION),
    ):
        _, code, told = refused(stream, deflate=True)
        assert FailureCode.PROTOCOL_ERROR == code
        assert "reserved bit" in told


@pytest.mark.parametrize(
    "text",
    [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "€".encode()[:-1]],
    ids=["no lead byte", "overlong", "surrogate", "past U+10FFFF", "cut off"],
)
def test_text_that_is_not_utf8_is_1007(text: bytes) -> None:
    """Text, in any fragments, and the reason of a close must be UTF-8 (RFC 6455, section 8.1); binary need not."""
    for stream in (
        client_frame(FIN | TEXT, b"fine" + text),
        client_frame(TEXT, b"fine" + text) + client_frame(FIN | CONTINUATION),
        client_frame(FIN | RSV1 | TEXT, deflated(text)),
        client_frame(FIN | CLOSE, close_payload(1000, text)),
    ):
        events, code, _ = refused(stream, deflate=True)
        assert FailureCode.INVALID_DATA == code
        assert events in ([], [(CONTINUATION, b"")])
    assert ([(BINARY, text)], None) == read(client_frame(FIN | BINARY, text))


@pytest.mark.parametrize("payload", [b"", b"\xff\xff\xff", deflated(b"Hello" * 100)[:-3]])
def test_what_cannot_be_inflated_is_1007(payload: bytes) -> None:
    """Garbage and half a message in a compressed frame are refused."""
    _, code, told = refused(client_frame(FIN | RSV1 | BINARY, payload), deflate=True)
    assert (FailureCode.INVALID_DATA, True) == (code, "inflated" in told)


@pytest.mark.parametrize(
    "stream",
    [
        client_frame(FIN | BINARY, length=LIMIT + 1)[:4],
        client_frame(FIN | BINARY, length=2**63 - 1)[:10],
        client_frame(BINARY, b"x" * LIMIT) + client_frame(CONTINUATION, length=1)[:2] + b"\0\0\0\0",
        client_frame(FIN | RSV1 | BINARY, deflated(b"x" * (LIMIT + 1))),
        client_frame(FIN | RSV1 | BINARY, deflated(bytes(10_000_000))[:LIMIT]),
    ],
    ids=["16-bit length", "64-bit length", "in parts", "inflated", "bomb"],
)
def test_a_message_past_the_limit_is_1009(stream: bytes) -> None:
    """A message beyond the limit is refused as soon as its header or its inflating shows it."""
    _, code, told = refused(stream, deflate=True)
    assert (FailureCode.TOO_BIG, f"a message has at most {LIMIT} bytes here") == (code, told)


def test_close_codes_are_those_of_the_standard() -> None:
    """A client may send the registered codes, except those that are never sent, and 3000 to 4999."""
    taken = [code for code in range(65536) if read(client_frame(FIN | CLOSE, close_payload(code)))[1] is None]
    # RFC 6455, section 7.4, and the IANA registry.
    assert [*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)] == taken
    assert ([(CLOSE, b"")], None) == read(client_frame(FIN | CLOSE))


def test_nothing_after_the_end_is_looked_at() -> None:
    """Messages before a violation count; after a violation or a refusal nothing is passed on."""
    good, bad = client_frame(FIN | TEXT, b"good"), client_frame(FIN | 0x3)
    assert [(TEXT, b"good")] == refused(good + bad + good)[0]
    assert ([(CLOSE, b"")], None) == read(client_frame(FIN | CLOSE) + bad)
    calls: list[bytes] = []
    parser = FrameParser(LIMIT, deflate=False)

    def hear_one(_opcode: int, payload: bytes) -> bool:
        calls.append(payload)
        return False

    assert parser.feed(good * 3 + bad, hear_one) is None
    assert [b"good"] == calls


# What is kept.


def test_a_stranger_holds_no_more_than_a_message_and_a_header() -> None:
    """For any fragments and reads the reader's memory is bounded, and freed at the end."""
    size = 100_000
    parser = FrameParser(size, deflate=False)
    parts = client_frame(BINARY, b"x") + client_frame(CONTINUATION, b"x") * 49_999 + client_frame(CONTINUATION) * 1000
    rest = client_frame(FIN | CONTINUATION, b"x" * 50_000)
    messages: list[int] = []

    def hear_one(_opcode: int, payload: bytes) -> bool:
        messages.append(len(payload))
        return True

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for at in range(0, len(parts), 100):
            parser.feed(parts[at : at + 100], lambda *_: True)
        for at in range(0, len(rest) - 1, 10):
            parser.feed(rest[at : min(at + 10, len(rest) - 1)], lambda *_: True)
        held = tracemalloc.get_traced_memory()[0] - before
        parser.feed(rest[-1:], hear_one)
        after = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert [size] == messages
    # A bytearray grows by an eighth at a time.
    assert size < held < 1.2 * size
    assert after < 2000


# The same of another's mind.

texts = st.text(max_size=80).map(str.encode)
reasons = st.text(max_size=30).map(str.encode)
controls = st.tuples(st.sampled_from((PING, PONG)), st.binary(max_size=125))
messages = st.tuples(st.just(TEXT), texts) | st.tuples(st.just(BINARY), st.binary(max_size=200))


@st.composite
def sent_messages(draw: st.DrawFn, *, deflate: bool) -> tuple[list[bytes], list[Event]]:
    """The frames of one message, with control frames between, and the expected results."""
    opcode, message = draw(messages)
    first, payload = opcode, message
    if deflate and draw(st.booleans()):
        first, payload = RSV1 | opcode, deflated(message)
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    pieces = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    frames, events = [], []
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        head = (FIN if last else 0) | (first if number == 0 else CONTINUATION)
        frames.append(client_frame(head, piece, key=draw(st.binary(min_size=4, max_size=4))))
        events.append((opcode, message) if last else (CONTINUATION, b""))
        for control, data in draw(st.lists(controls, max_size=2)):
            frames.append(client_frame(FIN | control, data))
            events.append((control, data))
    return frames, events


@st.composite
def clients(draw: st.DrawFn, *, deflate: bool) -> tuple[list[bytes], list[Event]]:
    """The frames of a client, with or without a close at the end, and the expected results."""
    frames: list[bytes] = []
    events: list[Event] = []
    for more_frames, more_events in draw(st.lists(sent_messages(deflate=deflate), max_size=5)):
        frames += more_frames
        events += more_events
    if draw(st.booleans()):
        payload = close_payload(draw(st.sampled_from((1000, 1001, 3000, 4999))), draw(reasons))
        frames.append(client_frame(FIN | CLOSE, payload))
        events.append((CLOSE, payload))
    return frames, events


@st.composite
def damaged(draw: st.DrawFn, frames: Sequence[bytes]) -> bytes:
    """``frames`` with some removed, doubled or exchanged, and some bytes changed."""
    if bool(frames) and draw(st.booleans()):
        frames = draw(st.lists(st.sampled_from(frames), max_size=8))
    stream = bytearray(b"".join(frames))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(stream)))
        stream[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(stream)


def split(data: st.DataObject, stream: bytes) -> list[bytes]:
    """Cut a stream wherever hypothesis likes."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@given(st.data(), st.booleans())
def test_how_the_bytes_are_cut_makes_no_difference(data: st.DataObject, deflate: bool) -> None:
    """For any division into reads a stream gives the same messages and the same refusal."""
    frames, _ = data.draw(clients(deflate=deflate))
    stream = data.draw(damaged(frames))
    expected = read(stream, deflate=deflate)
    assert expected == read(*split(data, stream), deflate=deflate)
    assert expected == read(*(bytes((byte,)) for byte in stream), deflate=deflate)


@given(st.data(), st.booleans())
def test_what_is_right_is_read_as_it_was_meant(data: st.DataObject, deflate: bool) -> None:
    """Every message and control frame of a correct stream comes out in order; `websockets` reads the same."""
    frames, events = data.draw(clients(deflate=deflate))
    assert (events, None) == read(*split(data, b"".join(frames)), deflate=deflate)
    assert (events, None) == read_by_websockets(b"".join(frames), limit=LIMIT, deflate=deflate)


@pytest.mark.parametrize("reason", STRICTER)
def test_where_it_is_stricter_than_another(reason: str) -> None:
    """Each difference listed is one."""
    _, stream = STRICTER[reason]
    assert reason in refused(stream, deflate=True)[2]
    assert read_by_websockets(stream, limit=LIMIT, deflate=True)[1] is None


@pytest.mark.parametrize("complaint", LAXER)
def test_where_it_is_laxer_than_another(complaint: str) -> None:
    """Each difference listed is one."""
    _, stream = LAXER[complaint]
    assert read(stream, deflate=True)[1] is None
    assert complaint in str(read_by_websockets(stream, limit=LIMIT, deflate=True)[1])


@given(st.data(), st.booleans())
def test_what_is_wrong_is_refused_as_another_reader_does(data: st.DataObject, deflate: bool) -> None:
    """For a damaged stream `websockets` reads and refuses the same, except the listed differences."""
    frames, _ = data.draw(clients(deflate=deflate))
    stream = data.draw(damaged(frames))
    # The other counts what a part inflates to; past any limit here they would part at different bytes.
    limit = LIMIT if not deflate else 1_000_000
    ours = read(stream, limit=limit, deflate=deflate)
    theirs = read_by_websockets(stream, limit=limit, deflate=deflate)
    assert "" == disagreement(ours, theirs)


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
def test_a_block_may_say_that_it_is_the_last(flush: int) -> None:
    """A compressor that ends its stream with each message (RFC 7692, section 7.2.3.4) is supported."""
    payload = deflated(b"Hello", flush) + (b"\x00" if flush == zlib.Z_FINISH else b"")
    assert ([(TEXT, b"Hello")], None) == read(client_frame(FIN | RSV1 | TEXT, payload), deflate=True)


def test_what_is_unfinished_can_be_told_apart() -> None:
    """An unfinished frame or message is one object until its end; the next is another object."""
    parser = FrameParser(LIMIT, deflate=False)

    def take(_opcode: int, _payload: bytes) -> bool:
        return True

    assert (None, None) == parser.unfinished
    parser.feed(client_frame(FIN | TEXT, b"hello")[:3], take)
    begun, _ = parser.unfinished
    parser.feed(client_frame(FIN | TEXT, b"hello")[3:6], take)
    assert begun is parser.unfinished[0]
    parser.feed(client_frame(FIN | TEXT, b"hello")[6:] + client_frame(TEXT, b"one")[:2], take)
    other, message = parser.unfinished
    assert other is not None
    assert other is not begun
    assert message is None
    parser.feed(client_frame(TEXT, b"one")[2:], take)
    _, message = parser.unfinished
    assert b"one" == message
    parser.feed(client_frame(CONTINUATION, b"two") + client_frame(FIN | PING), take)
    assert message is parser.unfinished[1]
    parser.feed(client_frame(FIN | CONTINUATION) + client_frame(TEXT, b"onetwo"), take)
    assert message is not parser.unfinished[1]
    parser.forget()
    assert (None, None) == parser.unfinished


def hearing(
    parser: FrameParser, stream: bytes, admission: MessageVerdict
) -> tuple[list[Event], list[int], Violation | None]:
    """The results of a reader if every message gets the same verdict, and its questions."""
    events: list[Event] = []
    asked: list[int] = []

    def receive(opcode: int, payload: bytes) -> bool:
        events.append((opcode, payload))
        return True

    def admit(compressed: int) -> MessageVerdict:
        asked.append(compressed)
        return admission

    return events, asked, parser.feed(stream, receive, admit)


def test_every_message_is_asked_about_before_it_is_read() -> None:
    """Every message is asked about before it is read, also fragmented and wrong ones; a refused one is not inflated."""
    bad_text, bad_deflate = client_frame(FIN | TEXT, b"\xff"), client_frame(FIN | RSV1 | TEXT, b"\xff" * 300)
    parts = client_frame(RSV1 | TEXT, b"\xff" * 20) + client_frame(FIN | CONTINUATION, b"\xff" * 30)
    stream = bad_text + bad_deflate + parts + client_frame(FIN | PING, b"?")
    admissions: tuple[MessageVerdict, ...] = ("drop", "read")
    for admission in admissions:
        parser = FrameParser(LIMIT, deflate=True)
        events, asked, violation = hearing(parser, stream, admission)
        assert violation is None
        assert [0, 300, 50] == asked
        refused = (REFUSED, b"")
        assert [refused, refused, (CONTINUATION, b""), refused, (PING, b"?")] == events


def test_what_later_messages_refer_to_is_inflated_though_nobody_wants_it() -> None:
    """With a window a refused message is inflated too, so later ones stay readable."""
    first, second = b'{"type":"ping","id":"one"}', b'{"type":"ping","id":"two"}'
    stream = client_frame(FIN | RSV1 | TEXT, deflated(first))
    parser = FrameParser(LIMIT, deflate=True, window_bytes=32 * 1024)
    assert ([(REFUSED, b"")], None) == hearing(parser, stream, "read")[::2]
    later = client_frame(FIN | RSV1 | TEXT, referring(first, second))
    assert ([(TEXT, second)], None) == hearing(parser, later, "ok")[::2]
    parser = FrameParser(LIMIT, deflate=True, window_bytes=32 * 1024)
    hearing(parser, stream, "drop")
    assert hearing(parser, later, "ok")[2] is not None


def test_a_compressed_message_has_a_limit_of_its_own() -> None:
    """A too long compressed message is refused by its header; a plain one may be longer."""
    longest = longest_compressed(262_144)
    head = client_frame(FIN | RSV1 | TEXT, b"", length=longest + 1)
    first = client_frame(RSV1 | TEXT, bytes(longest))
    for stream in (head, first + client_frame(CONTINUATION, b"", length=1)):
        _, code, reason = refused(stream, limit=262_144, deflate=True)
        assert (1009, f"a compressed message has at most {longest} bytes here") == (code, reason)
    plain = client_frame(FIN | TEXT, b"x" * 262_144)
    assert ([(TEXT, b"x" * 262_144)], None) == read(plain, limit=262_144, deflate=True)
    # Many blocks with nothing in them: each takes as long as a short message.
    empty = client_frame(FIN | RSV1 | TEXT, 22_416 * EMPTY_BLOCK)
    assert 1009 == refused(empty, limit=262_144, deflate=True)[1]


@given(st.data(), st.booleans())
def test_pauses_make_no_difference(data: st.DataObject, deflate: bool) -> None:
    """For any pauses a stream gives the same messages."""
    frames, _ = data.draw(clients(deflate=deflate))
    stream = data.draw(damaged(frames))
    pauses = iter(data.draw(st.lists(st.booleans(), min_size=1)))
    events: list[Event] = []

    def receive(opcode: int, payload: bytes) -> bool:
        events.append((opcode, payload))
        return opcode != CLOSE

    paused = False

    def must_pause() -> bool:
        nonlocal paused
        paused = next(pauses, False)
        return paused

    parser = FrameParser(LIMIT, deflate=deflate)
    pieces = split(data, stream)
    violation = None
    while (pieces or paused) and violation is None and not (events and events[-1][0] == CLOSE):
        if paused and pieces:
            parser.keep(pieces.pop(0))
        paused = False
        violation = parser.feed(pieces.pop(0) if pieces else b"", receive, pauses=must_pause)
    assert read(stream, deflate=deflate) == (events, violation)
