"""Why the exchange sends nothing, in its own words if it gives any: for the log and `LinkState.reason`."""

import asyncio
import errno
import html
import os
import re
import ssl

import aiohttp
from msgspec import Struct
from msgspec.json import Decoder

from market.wire.codec import UNREADABLE


class _Error(Struct):
    msg: str = ""
    message: str = ""


_error = Decoder(_Error)

_MOST = 120
"""The most characters of a foreign text."""
_PAGE_BYTES = 1 << 14
"""A page has its title near the beginning."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)

_NOBODY = frozenset({
    errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ETIMEDOUT,
    errno.EADDRNOTAVAIL, errno.EPERM, errno.EACCES,
})  # fmt: skip
"""The system's errors if nobody answers, or without a route (the last two: its own firewall)."""


_PROXY_FINDS_NOBODY = frozenset({502, 503, 504})
"""The status codes of a proxy that cannot reach the other end (RFC 9110, section 15.6)."""


def of_answer(status: int, body: bytes) -> str:
    """``HTTP 403: 403 Forbidden``: an error answer's message, a page's title, or the first line of plain text."""
    words = in_body(body)
    return f"HTTP {status}: {words}" if words else f"HTTP {status}"


def in_body(body: bytes) -> str:
    """The text of an error answer for people; empty if there is none."""
    message = _message(body)
    text = body[:_PAGE_BYTES].decode(errors="replace")
    if message:
        return one_line(message)
    if title := _TITLE.search(text):
        return one_line(html.unescape(title[1]))
    first = text.strip().partition("\n")[0]
    # JSON, or a page without a title, is not text for people.
    return "" if first.startswith(("{", "[", "<")) or "\ufffd" in first else one_line(first)


def _message(body: bytes) -> str:
    """The message in an error answer: ``{"code":-1121,"msg":"Invalid symbol."}``, ``{"message":"NotFound"}``."""
    try:
        error = _error.decode(body)
    except UNREADABLE:
        return ""
    return error.msg or error.message


def of_error(error: BaseException) -> str:
    """What went wrong with a connection and whose fault it is, in a few words, without aiohttp's own wrapping."""
    match error:
        case aiohttp.WSServerHandshakeError():
            return f"HTTP {error.status}"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy refuses: HTTP {error.status}"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy cannot be reached: {_system(error.os_error)}"
        case aiohttp.ClientConnectorCertificateError():
            return f"certificate: {_certificate(error.certificate_error)}"
        case aiohttp.ClientConnectorSSLError():
            return f"TLS: {_tls(error.os_error)}"
        case aiohttp.ClientConnectorDNSError():
            return f"no such host: {_system(error.os_error)}"
        case aiohttp.ClientConnectorError():
            return _system(error.os_error)
        case ssl.SSLError():
            return f"TLS: {_tls(error)}"
    return one_line(str(error)) or type(error).__name__


def nobody_there(error: BaseException) -> bool:
    """Whether an error means that nothing answers: no route, refused, no such host, a proxy that cannot reach it.

    An exchange that answers badly, with a wrong certificate or by closing the connection, does answer.
    """
    match error:
        case aiohttp.ClientHttpProxyError():
            # Any other status (403, 407) is a refusal that somebody can fix.
            return error.status in _PROXY_FINDS_NOBODY
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientConnectorDNSError():
            return True
        case asyncio.TimeoutError():
            return True
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return False
        case aiohttp.ClientConnectorError():
            # If several addresses failed in different ways, there is one error for all, without a number.
            return error.os_error.errno is None or error.os_error.errno in _NOBODY
    return False


def one_line(text: str) -> str:
    """A foreign text on one line, printable and short."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 8 * _MOST]).split())
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def _system(error: OSError) -> str:
    # The text of a connect error only has addresses; numbers below zero are the resolver's.
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return one_line(error.strerror or str(error)) or type(error).__name__


def _certificate(error: BaseException) -> str:
    return one_line(getattr(error, "verify_message", "") or str(error))


def _tls(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return one_line(str(reason).replace("_", " ").lower() if reason else str(error))
