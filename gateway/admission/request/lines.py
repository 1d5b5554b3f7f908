"""Lines of the head of an HTTP request: how they end, and which are invalid, found at the first wrong byte.

Lines end with CRLF, or all of them with a single LF, which RFC 9112, section 2.2, lets us accept. A head that mixes
both is refused: a proxy between us and the client may have seen other lines in it.
"""

import re
from typing import Final

from gateway.errors import RefusalError

CR: Final = 13
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_TEXT: Final = rb"[\t\x20-\x7e\x80-\xff]"

_METHODS: Final = frozenset(
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY"
    b" MKCALENDAR MKCOL MOVE NOTIFY PROPFIND PROPPATCH PURGE QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK"
    b" UNLOCK UNSUBSCRIBE".split()
)
"""All methods that aiohttp's parser knows; it refuses the whole line with any other."""
_LONGEST_METHOD: Final = max(map(len, _METHODS))
_BEGINNINGS: Final = frozenset(method[:size] for method in _METHODS for size in range(1, len(method) + 1)) | {b"\r"}
"""The beginnings of a method; and a CR, which an LF may follow."""
_FIRST: Final = re.compile(_TOKEN + rb"{1,32} [\x21-\x7e\x80-\xff]+ HTTP/1\.[0-9]\r?\n")
_FIELD: Final = re.compile(rb"(?:" + _TOKEN + rb"+:|[ \t])" + _TEXT + rb"*\r\n")
_FIELD_LF: Final = re.compile(rb"(?:" + _TOKEN + rb"+:|[ \t])" + _TEXT + rb"*\n")
_WRONG: Final = re.compile(rb"[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f]|\r(?!\Z)")
"""Bytes that no unfinished line has."""


def require_first_line(data: bytes, at: int) -> None:
    """Check that the whole line at ``at`` is a request line.

    Raises:
        RefusalError: it is not.
    """
    if _FIRST.match(data, at) is None:
        raise no_request()


def require_lines(data: bytes, at: int, seen: int, *, single_lf: bool) -> None:
    """Check that the bytes from ``at`` may begin a head. The part before ``seen`` is checked already.

    ``single_lf``: its lines end with a single LF. Each byte is looked at once, however slowly they come.

    Raises:
        RefusalError: they cannot become a head.
    """
    seen = max(at, seen)
    start = data.rfind(b"\n", at, seen) + 1 or at
    while (end := data.find(b"\n", max(start, seen))) >= 0:
        line = _FIRST if start == at else _FIELD_LF if single_lf else _FIELD
        if line.fullmatch(data, start, end + 1) is None:
            raise no_request()
        start = end + 1
    # A CR may have been the last byte.
    if _WRONG.search(data, max(start, seen - 1)) or (start == at and not _begins(data, at)):
        raise no_request()


def _begins(data: bytes, at: int) -> bool:
    """Whether the unfinished line at ``at`` begins with a method, or is a part of one."""
    word, space, _ = data[at : at + _LONGEST_METHOD + 1].partition(b" ")
    return word in (_METHODS if space else _BEGINNINGS)


def with_crlf(head: bytes) -> bytes:
    """Convert a head whose lines end with a single LF to CRLF.

    Raises:
        RefusalError: not all of its lines end so.
    """
    if b"\r" in head:
        raise no_request()
    return head.replace(b"\n", b"\r\n")


def no_request() -> RefusalError:
    """The answer to bytes that are no request."""
    return RefusalError(400, "bad_request", "this is no HTTP/1.1 request")
