"""Plain HTTP requests: right ones, odd ones, and some that only look like requests."""

import random
from typing import Final

from tests.fuzz.damage import damaged

_METHODS: Final = (b"GET", b"GET", b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"CONNECT", b"get", b"\xff")
_TARGETS: Final = (
    b"/",
    b"/healthz",
    b"/readyz",
    b"/metrics",
    b"/web/prices/prices.css",
    b"/web/../http.py",
    b"/v1/ticket",
    b"/ws",
    b"/ws/trade",
    b"/v1/ticks?symbols=BTC,%ff&numbers=decimal",
    b"/v1/ticks?symbols=*&symbols=",
    b"/v1/status?token=x",
    b"/v1/stream?symbols=%2c%00&max_hz=1e999&since=a:b",
    b"/openapi.json",
    b"/nothing",
    b"*",
    b"//",
    b"///x",
    b"/%ff%00%",
    b"/?a=%zz&token=x",
    b"/#x",
    b"?",
    b"http://127.0.0.1/healthz",
    b"http://xn--a/",
    b"http://xn--/",
    b"http://[::1",
    b"http://[::1]:x/",
    b"http://a:99999/",
    b"http://",
    b"ws://x/ws",
    b"x:y@z",
    b"\xc3\xa4",
    b"/" + b"a" * 5_000,
    b"/" + b"b" * 20_000,
)
_THERE: Final = 15
"""The first of them are there."""
_VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"")
_HEADERS: Final = (
    b"Host: 127.0.0.1",
    b"Host: 127.0.0.1",
    b"Host: 127.0.0.1",
    b"Host: x@y/z",
    b"Host: xn--a",
    b"Host:",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Upgrade",
    b"Upgrade: h2c",
    b"Expect: 100-continue",
    b"Expect: \xff",
    b"Expect: x",
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Content-Length: 5",
    b"Content-Length: 999999",
    b"Content-Length: -1",
    b"Transfer-Encoding: chunked",
    b"Content-Encoding: gzip",
    b"Authorization: Bearer x",
    b"Authorization: \xff",
    b"Origin: null",
    b"Origin: http://xn--a",
    b"X-Forwarded-For: 1.2.3.4",
    b"Range: bytes=0-",
    b"Range: bytes=9-1,x",
    b"If-Modified-Since: never",
    b'If-None-Match: "',
    b"Accept-Encoding: br",
    b"Cookie: a=\xff",
    b" folded: x",
    b"no colon",
)
_BODIES: Final = (b"", b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhel", b"ffffffffffff\r\n", b"x" * 70_000)


def asking(rng: random.Random) -> bytes:
    """One to four requests, one after the other, whether or not each has an end."""
    asked = b"".join(_request(rng) for _ in range(rng.choice((1, 1, 2, 4))))
    return damaged(rng, asked) if rng.random() < 0.2 else asked


def _request(rng: random.Random) -> bytes:
    """Odd in one way or two, mostly: what is wrong in every way is refused at the first."""
    method, target, version, host = b"GET", rng.choice(_TARGETS[:_THERE]), b"HTTP/1.1", b"Host: 127.0.0.1"
    odd = rng.randrange(6)
    if odd == 0:
        method = rng.choice(_METHODS)
    if odd in (1, 2):
        target = rng.choice(_TARGETS)
    if odd == 3:
        version = rng.choice(_VERSIONS)
    headers = [host, *rng.choices(_HEADERS, k=rng.choice((0, 1, 1, 2, 80 if odd == 4 else 3)))]
    body = rng.choice(_BODIES) if odd == 5 else b""
    return b"\r\n".join((b" ".join((method, target, version)), *headers, b"", body))
