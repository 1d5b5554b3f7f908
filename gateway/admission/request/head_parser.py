"""What the head of a request asks for, a WebSocket above all, told without all that aiohttp makes for a request."""

import asyncio

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage

from gateway.admission.request.head import MAX_FIELDS, MAX_HEAD_BYTES
from gateway.websocket.header_fields import asks_for_websocket


class HeadParser:
    """Looks at heads, each whole."""

    def __init__(self, path: str) -> None:
        """WebSockets are asked for at ``path``."""
        self._path = path
        self._line = f"GET {path}".encode()
        self._loop = asyncio.get_running_loop()
        # Wanted by aiohttp's parser for the bodies of requests, which no upgrade has.
        self._no_body = BaseProtocol(self._loop)

    def for_upgrade(self, head: bytes) -> RawRequestMessage | None:
        """The upgrade that ``head`` asks for, or None where it is anything else."""
        if not head.startswith(self._line):
            return None
        message = self.read(head)
        is_upgrade = message and message.url.raw_path == self._path and asks_for_websocket(message.headers)
        return message if is_upgrade else None

    def read(self, head: bytes) -> RawRequestMessage | None:
        """The request that ``head`` is of; None where it is none."""
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
