"""Many ticks in one message."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.wire.codec import UNREADABLE, CodecError, encode_tick
from market.wire.tick_batch import MAX_BATCH_BYTES, encode_batch, read_batch, split_batch
from tests.market.samples import tick

TICKS = [tick("A1", 1), tick("币B2", 7, bid=0), tick("A1", 2)]


@given(st.text(max_size=100), st.integers(0, 2**53 - 1), st.lists(st.sampled_from(TICKS), max_size=20))
def test_what_is_written_is_read(term: str, number: int, ticks: list[object]) -> None:
    """Term, number and every tick come back, in order."""
    batch = read_batch(encode_batch(term, number, [encode_tick(its) for its in ticks]))  # type: ignore[arg-type]
    assert (term, number, ticks) == (batch.term, batch.number, batch.ticks)


def test_a_newer_version_may_add_fields() -> None:
    """Unknown fields of a batch and of its ticks are ignored."""
    payload = b'{"new":[{}],"version":1,"term":"t","number":3,"ticks":[%b],"more":1}' % encode_tick(TICKS[0]).replace(
        b"{", b'{"new":1,'
    )
    assert [TICKS[0]] == read_batch(payload).ticks


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"version":1}',
        encode_batch("t", 0, [])[:-1],
        encode_batch("t", 0, []).replace(b"1", b"2"),
        encode_batch("t", 0, []).replace(b"1", b"0"),
        encode_batch("t" * 101, 0, []),
        b"[" * 100_000,
        b" " * (MAX_BATCH_BYTES + 1),
    ],
)
def test_what_is_no_batch(payload: bytes) -> None:
    """Another version, a missing field, what is no JSON, and what is too long are refused."""
    with pytest.raises(CodecError, match="not a batch"):
        split_batch(payload)
    if len(payload) <= MAX_BATCH_BYTES:
        with pytest.raises(UNREADABLE):
            read_batch(payload)


def test_one_wrong_tick_does_not_spoil_the_others() -> None:
    """A batch with a tick that cannot be read can be split; its other ticks are unharmed."""
    parts = [encode_tick(TICKS[0]), b'{"symbol":1}', encode_tick(TICKS[1])]
    payload = encode_batch("t", 9, parts)
    with pytest.raises(msgspec.ValidationError):
        read_batch(payload)
    assert ("t", 9, parts) == split_batch(payload)
