"""Reasons in few words."""

import errno
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from poller.network import reasons

KEY = ConnectionKey("h", 443, True, True, None, None, None)
REQUEST = aiohttp.RequestInfo(URL("https://h/"), "GET", CIMultiDictProxy(CIMultiDict()))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"code":-1003,"msg":"Too much request weight used."}', "HTTP 403: Too much request weight used."),
        (b'{"code":0,"msg":"Not from a restricted location"}', "HTTP 403: Not from a restricted location"),
        (b"<html><head>\n<TITLE class=x>\n ERROR:\n not &lt;now&gt;</TITLE>", "HTTP 403: ERROR: not <now>"),
        (b"error code: 1020\nmore", "HTTP 403: error code: 1020"),
        (b"", "HTTP 403"),
        (b"<html>no title", "HTTP 403"),
        (b'{"other":1}', "HTTP 403"),
        (b"[[[", "HTTP 403"),
        (b"\xff\xfe\x00", "HTTP 403"),
        (b"<title></title>", "HTTP 403"),
        (b"<title>\x1b[31mred\x07</title>", "HTTP 403: [31mred"),
        (b"x" * 5000, "HTTP 403: " + "x" * 119 + "…"),
        ("<title>被禁止</title>".encode(), "HTTP 403: 被禁止"),
    ],
)  # fmt: skip
def test_what_an_answer_says(body: bytes, expected: str) -> None:
    """The message of an error, the title of a page, the first line of a text; never more than fits a line."""
    assert expected == reasons.of_answer(403, body)


def certificate_error() -> aiohttp.ClientConnectorCertificateError:
    """Make aiohttp's error for a certificate that has expired."""
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] … (_ssl.c:1)")
    error.verify_message = "certificate has expired"
    return aiohttp.ClientConnectorCertificateError(KEY, error)


def tls_error() -> aiohttp.ClientConnectorSSLError:
    """Make aiohttp's error for a peer that does not speak TLS."""
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1)")
    error.reason = "WRONG_VERSION_NUMBER"
    return aiohttp.ClientConnectorSSLError(KEY, error)


def no_proxy() -> aiohttp.ClientProxyConnectionError:
    """Make aiohttp's error for a proxy that is not there."""
    return aiohttp.ClientProxyConnectionError(KEY, ConnectionRefusedError(errno.ECONNREFUSED, "x"))


def connecting(
    number: int | None, text: str = "Connect call failed ('192.0.2.1', 443)"
) -> aiohttp.ClientConnectorError:
    """Make aiohttp's error for a connection that was not made."""
    error = OSError(text) if number is None else OSError(number, text)
    return aiohttp.ClientConnectorError(KEY, error)


def refused_by_proxy(status: int) -> aiohttp.ClientHttpProxyError:
    """Make aiohttp's error for a proxy that answers with ``status``."""
    return aiohttp.ClientHttpProxyError(REQUEST, (), status=status, message="x")


@pytest.mark.parametrize(
    ("error", "expected", "nobody"),
    [
        (refused_by_proxy(407), "the proxy refuses: HTTP 407", False),
        (refused_by_proxy(502), "the proxy refuses: HTTP 502", True),
        (aiohttp.WSServerHandshakeError(REQUEST, (), status=451, message="x"), "HTTP 451", False),
        (ssl.SSLError(1, "bad record"), "TLS: bad record", False),
        (connecting(errno.ECONNREFUSED), "Connection refused", True),
        (connecting(errno.ENETUNREACH), "Network is unreachable", True),
        (connecting(errno.EHOSTUNREACH), "No route to host", True),
        (connecting(None, "Multiple exceptions: so"), "Multiple exceptions: so", True),
        (connecting(errno.ECONNRESET), "Connection reset by peer", False),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Not known")), "no such host: Not known", True),
        (no_proxy(), "the proxy cannot be reached: Connection refused", True),
        (certificate_error(), "certificate: certificate has expired", False),
        (tls_error(), "TLS: wrong version number", False),
        (aiohttp.ServerDisconnectedError(), "Server disconnected", False),
        (TimeoutError(), "TimeoutError", True),
        (aiohttp.ClientOSError(errno.ECONNRESET, "gone"), "[Errno 104] gone", False),
        (ValueError(""), "ValueError", False),
    ],
)  # fmt: skip
def test_what_an_error_says(error: Exception, expected: str, nobody: bool) -> None:
    """The reasons of the system, of certificates and of TLS; and whether anything answers."""
    assert expected == reasons.of_error(error)
    assert nobody == reasons.nobody_there(error)
