"""Why the exchange gives nothing, in its own words where it has any: for the log, and for `LinkState.reason`."""

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
"""Characters of another's words."""
_PAGE_BYTES = 1 << 14
"""A page has its title near the beginning."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)

_NOBODY = frozenset({
    errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ETIMEDOUT,
    errno.EADDRNOTAVAIL, errno.EPERM, errno.EACCES,
})  # fmt: skip
"""What the system says where there is nobody, or no way there (the last two: its own firewall)."""


_PROXY_FINDS_NOBODY = frozenset({502, 503, 504})
"""What a proxy says that cannot reach the other end (RFC 9110, section 15.6)."""


def of_answer(status: int, body: bytes) -> str:
    """``HTTP 403: 403 Forbidden``: an error answer's message, a page's title, or the first line of plain text."""
    words = in_body(body)
    return f"HTTP {status}: {words}" if words else f"HTTP {status}"


def in_body(body: bytes) -> str:
    """What an error answer says to people; empty where it says nothing."""
    message = _message(body)
    text = body[:_PAGE_BYTES].decode(errors="replace")
    if message:
        return one_line(message)
    if title := _TITLE.search(text):
        return one_line(html.unescape(title[1]))
    first = text.strip().partition("\n")[0]
    # What is left of JSON, or of a page without a title, are not words.
    return "" if first.startswith(("{", "[", "<")) or "\ufffd" in first else one_line(first)


def _message(body: bytes) -> str:
    """The message in an error answer: ``{"code":-1121,"msg":"Invalid symbol."}``, ``{"message":"NotFound"}``."""
    try:
        error = _error.decode(body)
    except UNREADABLE:
        return ""
    return error.msg or error.message


def of_error(error: BaseException) -> str:
    """What went wrong with a connection: whose fault it is in a few words, without what aiohttp wraps around them."""
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
    """Whether an error means that nothing answers: no route, refused, no such host, a proxy that finds nobody.

    An exchange that answers badly, with a wrong certificate or by hanging up, is there.
    """
    match error:
        case aiohttp.ClientHttpProxyError():
            # What else it says (403, 407) is a refusal, and somebody's to fix.
            return error.status in _PROXY_FINDS_NOBODY
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientConnectorDNSError():
            return True
        case asyncio.TimeoutError():
            return True
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return False
        case aiohttp.ClientConnectorError():
            # Where several addresses failed, each in its own way, there is one error for all, without a number.
            return error.os_error.errno is None or error.os_error.errno in _NOBODY
    return False


def one_line(text: str) -> str:
    """Another's words on one line, of characters that can be printed, and not long."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 8 * _MOST]).split())
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def _system(error: OSError) -> str:
    # Of a connect the text names addresses only; numbers below zero are the resolver's.
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return one_line(error.strerror or str(error)) or type(error).__name__


def _certificate(error: BaseException) -> str:
    return one_line(getattr(error, "verify_message", "") or str(error))


def _tls(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return one_line(str(reason).replace("_", " ").lower() if reason else str(error))
