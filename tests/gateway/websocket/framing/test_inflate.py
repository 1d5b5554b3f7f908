"""Compressed messages, whole, cut, forged and far too long."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.websocket.framing.inflate import Inflater, inflate, longest_compressed
from tests.client_frames import deflated, referring

LAST = b"\xf3\x48\xcd\xc9\xc9\x07\x00"
"""A last block, "Hello" (RFC 7692, section 7.2.3.4)."""


@pytest.mark.parametrize(
    "payload",
    [
        "f248cdc9c90700",  # one block
        "000500faff48656c6c6f00",  # not compressed
        "f348cdc9c9070000",  # marked as the last block
        "f248050000 00ffffcac9c90700",  # two blocks
    ],
)
def test_the_standards_own_examples(payload: str) -> None:
    """Every way that RFC 7692, section 7.2.3, compresses "Hello" without a window before it is read."""
    assert b"Hello" == inflate(bytes.fromhex(payload), 100)


@given(st.binary(max_size=3000), st.sampled_from((zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH)))
def test_a_message_comes_back_as_it_was(message: bytes, flush: int) -> None:
    """A compressed message is inflated to the same bytes, with a limit of exactly its length and without a limit."""
    payload = deflated(message, flush)
    assert [message, message] == [inflate(payload, limit) for limit in (len(message), 0)]


def test_one_that_is_too_long_is_told_by_one_byte_more() -> None:
    """Of a message beyond the limit exactly one byte too many comes back, even if it is cut off."""
    payload = deflated(b"x" * 5000)
    assert [b"x" * 1001] * 2 == [inflate(sent, 1000) for sent in (payload, payload[:-1])]


def test_a_bomb_is_not_unpacked() -> None:
    """A hundred megabytes in a hundred kilobytes take memory of the order of the limit."""
    bomb = deflated(bytes(100 * 1024 * 1024))
    tracemalloc.start()
    try:
        message = inflate(bomb, 16 * 1024)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message is not None
    assert 16 * 1024 + 1 == len(message)
    assert peak < len(bomb) + 500_000


@pytest.mark.parametrize(
    "payload",
    [
        b"",  # a block is missing even for no bytes at all
        b"\xff\xff\xff",  # no such kind of block
        deflated(b"Hello" * 100)[:-3],  # cut off
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00" + b"more",  # something behind the last block that is none
        b"\xf3\x48\xcd\xc9\xc9\x07\x00",  # the last block, and nothing of what must follow it
        9 * LAST + b"\x00",  # more last blocks than any sender makes
        b"\x00\x05\x00\xfa\xfeHello\x00",  # a length that contradicts its check
    ],
)
def test_what_is_not_a_whole_message_is_nothing(payload: bytes) -> None:
    """Garbage and half messages are refused."""
    assert inflate(payload, 1000) is None


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise(payload: bytes) -> None:
    """Any bytes give a message of at most the limit and one byte, or None."""
    message = inflate(payload, 100)
    assert message is None or len(message) <= 101


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (LAST + b"\x00", b"Hello"),
        (LAST + LAST + b"\x00", b"HelloHello"),
        (LAST + deflated(b" world"), b"Hello world"),
        (deflated(b"Oh! ", zlib.Z_FULL_FLUSH) + b"\x00\x00\xff\xff" + LAST + deflated(b" world"), b"Oh! Hello world"),
        (8 * LAST + b"\x00", 8 * b"Hello"),
        # A later set of blocks may refer to what an earlier one holds.
        (LAST + referring(b"Hello", b"Hello"), b"HelloHello"),
    ],
)
def test_a_last_block_inside_a_message_ends_nothing(payload: bytes, message: bytes) -> None:
    """Blocks behind one that is marked as the last belong to the message (RFC 7692, section 7.2.1)."""
    assert [message, message] == [inflate(payload, limit) for limit in (len(message), 0)]
    longer = inflate(payload, len(message) - 1)
    assert message == longer


@given(st.lists(st.binary(max_size=300) | st.just(b'{"type":"ping"}'), max_size=8), st.sampled_from((0, 9, 12, 15)))
def test_messages_of_a_client_with_a_window_come_back_as_they_were(messages: list[bytes], bits: int) -> None:
    """With a window messages may refer back as far as agreed; without one each stands alone."""
    keeping = zlib.compressobj(wbits=-(bits or 15))
    inflater = Inflater(1 << bits if bits else 0)
    for message in messages:
        flush = zlib.Z_SYNC_FLUSH if bits else zlib.Z_FULL_FLUSH
        payload = (keeping.compress(message) + keeping.flush(flush)).removesuffix(b"\x00\x00\xff\xff")
        assert message == inflater.inflate(payload, 300)


def test_a_window_is_never_more_than_was_sent_nor_than_was_agreed() -> None:
    """The window costs as much as the client has sent, at most its agreed size."""
    inflater = Inflater(1024)
    inflater.inflate(deflated(b"Hello"), 0)
    assert b"Hello" == inflater._window
    for _ in range(10):
        inflater.inflate(deflated(b"x" * 5000), 0)
    assert b"x" * 1024 == inflater._window
    nothing = Inflater(0)
    nothing.inflate(deflated(b"Hello"), 0)
    assert (b"", False, True) == (nothing._window, nothing.must_see_all, inflater.must_see_all)


def test_without_a_window_nothing_before_a_message_can_be_referred_to() -> None:
    """Without a window a reference to earlier messages is an error."""
    inflater = Inflater(0)
    inflater.inflate(deflated(b"Hello" * 10), 0)
    assert inflater.inflate(referring(b"Hello" * 10, b"Hello" * 10), 0) is None


@pytest.mark.parametrize(
    ("longest", "compressed"),
    [(0, 0), (1000, 1079), (16_000, 16_314), (262_144, 16_384), (1024 * 1024, 64 * 1024)],
)
def test_how_long_a_compressed_message_may_be(longest: int, compressed: int) -> None:
    """A compressed message may be as long as short ones need, and a part of the limit for long ones."""
    assert compressed == longest_compressed(longest)


@given(st.binary(max_size=2000), st.integers(0, 9), st.integers(1, 9))
def test_no_short_message_needs_more(message: bytes, level: int, memory: int) -> None:
    """Even incompressible short messages, from a sender with the least memory, fit."""
    stream = zlib.compressobj(level, wbits=-9, memLevel=memory)
    payload = stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)
    assert len(payload) - 4 <= longest_compressed(len(message) or 1)
