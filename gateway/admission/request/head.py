"""Heads of HTTP requests (the request line and the headers) as bytes, and the limits of every request.

The limits are the same for the first request of a connection and for all others, whichever code parses it.
"""

from typing import Final

from aiohttp import hdrs
from multidict import MultiMapping

from gateway.admission.request.lines import CR, no_request, require_first_line, require_lines, with_crlf
from gateway.errors import RefusalError

MAX_HEAD_BYTES: Final = 14 * 1024
"""The most bytes of a whole head, with its empty line. A single line has no limit of its own, because it may hold a
token.

``haproxy.cfg`` lets somewhat more through, including the fields that it adds. So the gateway is the one that refuses,
and says why.
"""

MAX_FIELDS: Final = 64
"""The most header lines. ``haproxy.cfg`` lets more through."""

MAX_BODY_BYTES: Final = 4096
"""No body is ever read. The same limit as in ``haproxy.cfg``."""

_END: Final = b"\r\n\r\n"
_END_LF: Final = b"\n\n"


class Heads:
    """The bytes of one connection that nobody has taken yet."""

    __slots__ = ("_after_empty_line", "_at", "_data", "_searched")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        """Where the part begins that was not taken yet."""
        self._searched = 0
        """Up to here there is no end of a head."""
        self._after_empty_line = False

    def __len__(self) -> int:
        """The number of bytes that were not taken yet."""
        return len(self._data) - self._at

    def add(self, data: bytes) -> None:
        """More bytes have come."""
        if self._data:
            self._data = self._data[self._at :] + data
            self._searched -= self._at
            self._at = 0
        else:
            self._data = data

    def take_head(self) -> bytes | None:
        """The next head, or None while it is not whole. One empty line before it is dropped (RFC 9112, section 2.2).

        Raises:
            RefusalError: it is too long, has too many fields, or cannot become a head whatever follows.
        """
        data = self._data
        if not self._after_empty_line and data.startswith((b"\r\n", b"\n"), self._at):
            self._at += 1 if data.startswith(b"\n", self._at) else 2
            self._after_empty_line = True
        if self._after_empty_line and data.startswith((b"\r", b"\n"), self._at):
            # The code that answers the refusal parses it again, and must refuse it too: put the first empty line back.
            self._data, self._at, self._after_empty_line = b"\r\n" + data[self._at :], 0, False
            raise no_request()
        at = self._at
        first = data.find(b"\n", at)
        single_lf = first == at or (first > at and data[first - 1] != CR)
        mark = _END_LF if single_lf else _END
        # The end may have begun before the new bytes.
        end = data.find(mark, max(at, self._searched - len(mark) + 1)) if first >= 0 else -1
        size = len(data) - at if end < 0 else end + len(mark) - at
        if size > MAX_HEAD_BYTES or (end < 0 and size == MAX_HEAD_BYTES):
            raise RefusalError(431, "too_large", f"the request line and headers exceed {MAX_HEAD_BYTES} bytes")
        if end < 0:
            if size:
                require_lines(data, at, self._searched, single_lf=single_lf)
            self._searched = len(data)
            return None
        require_first_line(data, at)
        # The request line and the empty line end like fields.
        if data.count(b"\n", at, at + size) - 2 > MAX_FIELDS:
            raise RefusalError(431, "too_large", f"the request has more than {MAX_FIELDS} header lines")
        head = self.take(size)
        return with_crlf(head) if single_lf else head

    def take(self, most: int) -> bytes:
        """The next bytes, whatever they are, ``most`` at most."""
        data, end = self._data, self._at + most
        taken = data[self._at : end]
        self._after_empty_line = False
        if end >= len(data):
            self._data, self._at, self._searched = b"", 0, 0
        else:
            self._at = end
        return taken


def require_small_body(headers: MultiMapping[str]) -> int:
    """The length of a request's body, which its parser has found valid.

    Raises:
        RefusalError: the body is too long, or its length is not given.
    """
    # The parser lets only digits pass.
    size = int(headers.get(hdrs.CONTENT_LENGTH, "0")[-20:])
    if hdrs.TRANSFER_ENCODING in headers or size > MAX_BODY_BYTES:
        problem = f"a body here has a Content-Length of at most {MAX_BODY_BYTES} bytes; none is read"
        raise RefusalError(413, "too_large", problem)
    return size
