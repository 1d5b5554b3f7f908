"""Heads cut from what comes, and their limits. No sockets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.heads import MAX_BODY_BYTES, MAX_FIELDS, MAX_HEAD_BYTES, Heads, require_small_body
from gateway.refusal import RefusalError

LINE = b"GET / HTTP/1.1\r\n"


def head_of(size: int, fields: int = 1) -> bytes:
    """A head of so many bytes and fields."""
    head = LINE + b"X: y\r\n" * (fields - 1) + b"X: "
    return head.ljust(size - 4, b"x") + b"\r\n\r\n"


def refused(status: int) -> pytest.RaisesExc[RefusalError]:
    """Expect a refusal."""
    return pytest.raises(RefusalError, check=lambda error: (status, "too_large") == (error.status, error.reason))


@given(st.integers(0, 2**32), st.lists(st.integers(30, 400), min_size=1, max_size=5))
def test_heads_come_out_as_they_went_in_however_they_are_cut(seed: int, sizes: list[int]) -> None:
    """Each is whole with its last byte, and not before; empty lines between them are dropped."""
    rng = random.Random(seed)
    expected = [head_of(size) for size in sizes]
    stream = b"".join(b"\r\n" * rng.randint(0, 2) + head for head in expected)
    cuts = sorted(rng.sample(range(1, len(stream)), rng.randint(0, 9)))
    heads, taken = Heads(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heads.add(stream[start:end])
        while (head := heads.take_head()) is not None:
            taken.append(head)
    assert (expected, 0) == (taken, len(heads))


def test_what_follows_a_head_can_be_taken_as_it_is() -> None:
    """A body, so many bytes at a time; then comes the next head."""
    heads = Heads()
    heads.add(head_of(40) + b"bo")
    assert head_of(40) == heads.take_head()
    assert b"bo" == heads.take(4)
    heads.add(b"dy" + head_of(50))
    assert b"dy" == heads.take(2)
    assert head_of(50) == heads.take_head()


@pytest.mark.parametrize("pieces", [1, 3, 1000])
@pytest.mark.parametrize("before", [0, 1, 5])
def test_a_head_has_so_many_bytes_and_no_more(pieces: int, before: int) -> None:
    """The limit itself is allowed, one more is not, wherever it stands in a connection and however it is cut."""
    for size, fits in ((MAX_HEAD_BYTES - 1, True), (MAX_HEAD_BYTES, True), (MAX_HEAD_BYTES + 1, False)):
        heads, taken = Heads(), list[bytes]()
        stream = head_of(100) * before + head_of(size)
        step = -(-len(stream) // pieces)

        def take_all(heads: Heads = heads, taken: list[bytes] = taken) -> None:
            while (head := heads.take_head()) is not None:
                taken.append(head)

        if fits:
            for start in range(0, len(stream), step):
                heads.add(stream[start : start + step])
                take_all()
            assert before + 1 == len(taken)
        else:
            with refused(431):
                for start in range(0, len(stream), step):
                    heads.add(stream[start : start + step])
                    take_all()
            assert before == len(taken)


def test_a_head_that_cannot_end_in_time_is_refused_before_its_end() -> None:
    """As many bytes as may be, and no end among them."""
    heads = Heads()
    heads.add(b"x" * (MAX_HEAD_BYTES - 1))
    assert heads.take_head() is None
    heads.add(b"x")
    with refused(431):
        heads.take_head()
    assert MAX_HEAD_BYTES == len(heads)


def test_a_head_has_so_many_fields_and_no_more() -> None:
    """The limit itself is allowed; what is refused is not taken."""
    heads = Heads()
    heads.add(head_of(1000, MAX_FIELDS))
    assert heads.take_head() is not None
    heads.add(head_of(1000, MAX_FIELDS + 1))
    with refused(431):
        heads.take_head()
    assert 1000 == len(heads)


@pytest.mark.parametrize(("length", "size"), [(None, 0), ("0", 0), ("5", 5), ("0" * 40 + "7", 7), ("4096", 4096)])
def test_a_small_body_may_come(length: str | None, size: int) -> None:
    """Its length is what `Content-Length` says."""
    assert size == require_small_body(CIMultiDict({} if length is None else {"Content-Length": length}))


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": str(MAX_BODY_BYTES + 1)},
        {"Content-Length": "9" * 300},
        {"Transfer-Encoding": "chunked"},
        {"Transfer-Encoding": "chunked", "Content-Length": "0"},
    ],
)
def test_a_large_body_may_not(headers: dict[str, str]) -> None:
    """Nor one that does not say how large it is."""
    with refused(413):
        require_small_body(CIMultiDict(headers))
