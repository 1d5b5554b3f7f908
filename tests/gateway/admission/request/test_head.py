"""Heads cut from what comes, and their limits. No sockets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.admission.request import head
from gateway.admission.request.head import MAX_BODY_BYTES, MAX_FIELDS, MAX_HEAD_BYTES, Heads, require_small_body
from gateway.admission.request.lines import require_lines
from gateway.errors import RefusalError

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
    """Each head is complete with its last byte, not before; an empty line between heads is dropped."""
    rng = random.Random(seed)
    expected = [head_of(size) for size in sizes]
    stream = b"".join(b"\r\n" * rng.randint(0, 1) + head for head in expected)
    cuts = sorted(rng.sample(range(1, len(stream)), rng.randint(0, 9)))
    heads, taken = Heads(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heads.add(stream[start:end])
        while (head := heads.take_head()) is not None:
            taken.append(head)
    assert (expected, 0) == (taken, len(heads))


def test_what_follows_a_head_can_be_taken_as_it_is() -> None:
    """The bytes behind a head can be taken in pieces as a body; then comes the next head."""
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
    """A head may have exactly the limit of bytes, and not one more, anywhere in a connection and in any pieces."""
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
    """A head that has reached the limit without its end is refused."""
    heads = Heads()
    heads.add((LINE + b"X: ").ljust(MAX_HEAD_BYTES - 1, b"x"))
    assert heads.take_head() is None
    heads.add(b"x")
    with refused(431):
        heads.take_head()
    assert MAX_HEAD_BYTES == len(heads)


def test_a_head_has_so_many_fields_and_no_more() -> None:
    """A head may have exactly the limit of fields, and not one more."""
    heads = Heads()
    heads.add(head_of(1000, MAX_FIELDS))
    assert heads.take_head() is not None
    heads.add(head_of(1000, MAX_FIELDS + 1))
    with refused(431):
        heads.take_head()
    assert 1000 == len(heads)


@pytest.mark.parametrize(("length", "size"), [(None, 0), ("0", 0), ("5", 5), ("0" * 40 + "7", 7), ("4096", 4096)])
def test_a_small_body_may_come(length: str | None, size: int) -> None:
    """A small body with a `Content-Length` is allowed."""
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
    """A large body is refused, and so is one without a length."""
    with refused(413):
        require_small_body(CIMultiDict(headers))


LF_LINES = b"GET / HTTP/1.1\nX: y\n\n"
CRLF_LINES = LF_LINES.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_lines_may_end_with_a_single_lf(size: int) -> None:
    """A head with single LFs is taken like any other, in any pieces and between any others."""
    heads, taken = Heads(), []
    stream = LF_LINES + CRLF_LINES + b"\n" + LF_LINES * 2 + b"\r\n" + CRLF_LINES
    for start in range(0, len(stream), size):
        heads.add(stream[start : start + size])
        while (head := heads.take_head()) is not None:
            taken.append(head)
    assert [CRLF_LINES] * 5 == taken


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "wrong",
    [
        *(
            b"\0",
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"\r\r",
            b"\xff\xfe",
            b" GET / HTTP/1.1\r\n",
            b"hello",
            b"EHLO x",
            b"\r\n\r",
            b"\n\n",
        ),
        *(b"GET /\r\n", b"GET / HTTP/2.0\r\n", b"GET / RTSP/1.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        *(b"GET / HTTP/1.1\rHost: x\r\r", b"GET /\0", b"x" * 40, b"GET / HTTP/1.1\r\nno field\r\n"),
        *(b"GET / HTTP/1.1\r\nX: y\n", b"GET / HTTP/1.1\nX: y\r\n\r\n", b"GET / HTTP/1.1\nX: y\r\n\n"),
        *(b"GET / HTTP/1.1\r\nX: y\n\n", b"GET / HTTP/1.1\nX: y\n\r\n", b"\r\n\n\r\n\0"),
    ],
)
def test_what_becomes_no_head_is_refused_at_its_first_wrong_byte(wrong: bytes, size: int) -> None:
    """Bytes that are no head are refused at the first wrong byte, and not before it."""
    heads, status = Heads(), 200
    for start in range(0, len(wrong), size):
        heads.add(wrong[start : start + size])
        try:
            assert heads.take_head() is None
        except RefusalError as error:
            status = error.status
            break
    assert 400 == status


@given(st.integers(0, 2**32))
def test_no_part_of_a_good_head_is_taken_for_a_wrong_one(seed: int) -> None:
    """A part of a good head is never refused, for any cut."""
    rng = random.Random(seed)
    fields = b"".join(
        rng.choice((b"X-A: b", b"a:", b"Cookie: \xe4\xf6=\t1", b"T: a b;c", b"Host: [::1]:80")) + b"\r\n"
        for _ in range(rng.randint(0, 6))
    )
    head = rng.choice((b"GET / HTTP/1.1", b"OPTIONS * HTTP/1.0", b"M-SEARCH http://x/?a=b HTTP/1.1")) + b"\r\n" + fields
    stream = rng.choice((b"", b"\r\n", b"\n")) + head + b"\r\n"
    if rng.random() < 0.5:
        stream = stream.replace(b"\r\n", b"\n")
    heads, at = Heads(), 0
    while at < len(stream):
        step = rng.randint(1, 9)
        heads.add(stream[at : at + step])
        at += step
        taken = heads.take_head()
        assert (taken is not None) == (at >= len(stream))


def test_an_empty_line_may_come_before_each_head_and_no_second() -> None:
    """One empty line is allowed before each head (RFC 9112, section 2.2), a second one is not."""
    heads = Heads()
    for _ in range(3):
        heads.add(b"\r\n")
        assert heads.take_head() is None
        heads.add(head_of(40) + b"body")
        assert head_of(40) == heads.take_head()
        assert b"body" == heads.take(4)
    for piece in (b"\r", b"\n"):
        heads.add(piece)
        assert heads.take_head() is None
    heads.add(b"\r")
    for _ in range(2):
        with pytest.raises(RefusalError, match=r"no HTTP/1\.1 request"):
            heads.take_head()
        refused_bytes, heads = heads.take(99), Heads()
        heads.add(refused_bytes)


def test_a_head_that_drips_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte of a slow head is looked at once, apart from joins with the next bytes."""
    looked_at: list[range] = []

    def recorded(data: bytes, at: int, seen: int, *, single_lf: bool) -> None:
        looked_at.append(range(max(at, seen), len(data)))
        require_lines(data, at, seen, single_lf=single_lf)

    monkeypatch.setattr(head, "require_lines", recorded)
    heads = Heads()
    for byte in head_of(5_000, MAX_FIELDS)[:-1]:
        heads.add(bytes((byte,)))
        assert heads.take_head() is None
    assert [*range(4_999)] == [index for part in looked_at for index in part]
