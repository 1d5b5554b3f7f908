"""A document that was made once, as it is served: from memory, and not again to who has it."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import hdrs, web


class Document:
    """JSON that does not change."""

    def __init__(self, value: Any) -> None:
        self.body = msgspec.json.format(msgspec.json.encode(value), indent=1)
        self._tag = hashlib.sha256(self.body).hexdigest()[:32]
        self._headers: Mapping[str, str] = {
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.ETAG: f'"{self._tag}"',
            "X-Content-Type-Options": "nosniff",
        }

    def answer(self, request: web.Request) -> web.Response:
        """All of it, or 304 for a client that has it (RFC 9110, section 13.1.2)."""
        if any(tag.value in (self._tag, "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=self._headers)
        return web.Response(body=self.body, content_type="application/json", headers=self._headers)
