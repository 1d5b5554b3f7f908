"""Parses the head of a request, and finds requests for a WebSocket, without all that aiohttp makes for a request."""

import asyncio

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage

from gateway.admission.request.head import MAX_FIELDS, MAX_HEAD_BYTES
from gateway.websocket.header_fields import asks_for_websocket


class HeadParser:
    """Parses whole heads."""

    def __init__(self, *paths: str) -> None:
        """``paths`` are those for WebSockets."""
        self._paths = frozenset(paths)
        self._lines = tuple(f"GET {path}".encode() for path in paths)
        self._loop = asyncio.get_running_loop()
        # aiohttp's parser needs it for bodies, which no upgrade has.
        self._no_body = BaseProtocol(self._loop)

    def for_upgrade(self, head: bytes) -> RawRequestMessage | None:
        """The upgrade that ``head`` asks for; None if it is anything else."""
        if not head.startswith(self._lines):
            return None
        message = self.read(head)
        is_upgrade = message and message.url.raw_path in self._paths and asks_for_websocket(message.headers)
        return message if is_upgrade else None

    def read(self, head: bytes) -> RawRequestMessage | None:
        """The request of ``head``; None if it is no valid request."""
        parser = HttpRequestParser(
            self._no_body,
            self._loop,
            MAX_HEAD_BYTES,
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            max_headers=MAX_FIELDS,
        )
        try:
            messages, _, _ = parser.feed_data(head)
        except HttpProcessingError:
            return None
        if len(messages) != 1:
            return None
        message: RawRequestMessage = messages[0][0]
        return message
