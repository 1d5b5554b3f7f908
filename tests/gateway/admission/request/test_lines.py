"""Lines of a head as they come. No sockets."""

import pytest

from gateway.admission.request.lines import no_request, require_first_line, require_lines, with_crlf
from gateway.errors import RefusalError

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX: "


def wrong() -> pytest.RaisesExc[RefusalError]:
    """Expect 400."""
    return pytest.raises(RefusalError, check=lambda error: error.status == 400)


def test_a_request_line_has_three_parts() -> None:
    """A method, a target and a version of HTTP/1."""
    require_first_line(b"\r\nGET /a%20b?c HTTP/1.1\r\n", 2)
    for line in (b"GET / HTTP/1.1 \r\n", b"GET  / HTTP/1.1\r\n", b"GET / HTTP/3.0\r\n", b"G\xe4T / HTTP/1.1\r\n"):
        with wrong():
            require_first_line(line, 0)


def test_what_was_looked_at_is_not_looked_at_again() -> None:
    """In whole and partial lines, new bytes are checked and checked ones are not checked again."""
    for before in (HEAD.replace(b"Host: x", b"Host\0 x"), HEAD + b"\0" * 1000 + b"x"):
        require_lines(before, 0, len(before), single_lf=False)
        with wrong():
            require_lines(before + b"xx\0", 0, len(before), single_lf=False)


def test_a_line_begins_with_a_method() -> None:
    """A line must begin with a method; the first impossible byte is refused."""
    for begun in (b"G", b"GET", b"GET ", b"OPTIONS /a", b"M-SEAR", b"UNSUBSCRIBE", b"UNSUBSCRIBE /" + b"x" * 99, b"\r"):
        require_lines(begun, 0, 0, single_lf=False)
    for begun in (b"g", b"h", b"EHLO", b"SSH", b"GETS", b"GEX", b"GE ", b"UNSUBSCRIBED", b"\x16", b" ", b"{", b"\r\r"):
        with wrong():
            require_lines(begun, 0, 0, single_lf=False)


def test_a_head_of_single_lfs_has_no_cr() -> None:
    """A head with single LFs must have no CR, so that the ends of lines are unambiguous."""
    assert b"a\r\nb\r\n" == with_crlf(b"a\nb\n")
    for head in (b"a\r\nb\n", b"a\rb\n"):
        with wrong():
            with_crlf(head)


def test_what_is_no_request_is_told_so() -> None:
    """Bytes that are no request are refused with 400."""
    assert (400, "bad_request") == (no_request().status, no_request().reason)
