"""Ignores ``Expect`` headers."""

from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy


def expecting_nothing(make_request: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """``make_request``, a request factory of aiohttp's, made to ignore ``Expect`` headers.

    A final answer may come without `100 Continue` (RFC 9110, section 10.1.1), and nobody reads a body here. aiohttp
    would answer before anybody has checked who is asking, and would quote the header.
    """

    def make(message: RawRequestMessage, *args: Any) -> web.BaseRequest:
        if hdrs.EXPECT in message.headers:
            headers = CIMultiDict(message.headers)
            headers.popall(hdrs.EXPECT)
            message = message._replace(headers=CIMultiDictProxy(headers))
        return make_request(message, *args)

    return make
