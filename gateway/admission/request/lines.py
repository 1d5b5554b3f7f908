"""Lines of the head of an HTTP request: how they end, and which can be none of any head, told at the first wrong byte.

Lines end with CRLF, or all of them with a single LF, which RFC 9112, section 2.2, lets us read. A head that mixes both
is refused: what stands between us and the client may have seen other lines in it.
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
"""All that aiohttp's parser knows; the whole line with any other is refused by that."""
_LONGEST_METHOD: Final = max(map(len, _METHODS))
_BEGINNINGS: Final = frozenset(method[:size] for method in _METHODS for size in range(1, len(method) + 1)) | {b"\r"}
"""Of a method, as far as it has come; and a CR, which an LF may follow."""
_FIRST: Final = re.compile(_TOKEN + rb"{1,32} [\x21-\x7e\x80-\xff]+ HTTP/1\.[0-9]\r?\n")
_FIELD: Final = re.compile(rb"(?:" + _TOKEN + rb"+:|[ \t])" + _TEXT + rb"*\r\n")
_FIELD_LF: Final = re.compile(rb"(?:" + _TOKEN + rb"+:|[ \t])" + _TEXT + rb"*\n")
_WRONG: Final = re.compile(rb"[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f]|\r(?!\Z)")
"""What no unfinished line has."""


def require_first_line(data: bytes, at: int) -> None:
    """See that the line at ``at``, which is whole, is a request line.

    Raises:
        RefusalError: it is none.
    """
    if _FIRST.match(data, at) is None:
        raise no_request()


def require_lines(data: bytes, at: int, seen: int, *, single_lf: bool) -> None:
    """See that what begins at ``at`` may be the beginning of a head, of which the part before ``seen`` is known to be.

    ``single_lf``: its lines end so. Each byte is looked at once, however slowly they come.

    Raises:
        RefusalError: it can become none.
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
    """Whether the line at ``at``, which is not whole, begins with a method, or with a part of one that ends there."""
    word, space, _ = data[at : at + _LONGEST_METHOD + 1].partition(b" ")
    return word in (_METHODS if space else _BEGINNINGS)


def with_crlf(head: bytes) -> bytes:
    """A head whose lines end with a single LF, as others read it.

    Raises:
        RefusalError: not all of its lines end so.
    """
    if b"\r" in head:
        raise no_request()
    return head.replace(b"\n", b"\r\n")


def no_request() -> RefusalError:
    """What to answer to bytes that are no request."""
    return RefusalError(400, "bad_request", "this is no HTTP/1.1 request")
