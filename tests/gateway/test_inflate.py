"""Compressed messages, whole, cut, forged and far too long."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.inflate import inflate
from tests.client_frames import deflated


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
    """What was compressed is inflated to the same, at a limit of just its length and without any."""
    payload = deflated(message, flush)
    assert [message, message] == [inflate(payload, limit) for limit in (len(message), 0)]


def test_one_that_is_too_long_is_told_by_one_byte_more() -> None:
    """Of a message past the limit exactly one byte too many comes back, even where it is cut off as well."""
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
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00" + b"more",  # something behind the last block
        b"\x00\x05\x00\xfa\xfeHello\x00",  # a length that contradicts its check
    ],
)
def test_what_is_not_a_whole_message_is_nothing(payload: bytes) -> None:
    """Neither garbage nor half a message is taken for one."""
    assert inflate(payload, 1000) is None


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise(payload: bytes) -> None:
    """Whatever is sent is a message within the limit and one byte, or None."""
    message = inflate(payload, 100)
    assert message is None or len(message) <= 101
