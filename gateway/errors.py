"""What this package raises, and refusals in terms of HTTP."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson


class GatewayError(Exception):
    """The base of what this package raises. An error that stops the start names the setting and the fix."""


SERVER: Final = "tickgate"
"""The server's name in every answer. A version would tell strangers which weaknesses to try."""


class RefusalError(GatewayError):
    """A request or connection that is refused. The message tells its sender what is wrong."""

    def __init__(
        self,
        status: int,
        reason: str,
        problem: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: str | None = None,
    ) -> None:
        """``reason`` is a word for the metrics. ``code``, if it says more, is one for the client."""
        super().__init__(problem)
        self.status = status
        self.reason = reason
        self.code = code or reason
        self.headers = headers or {}

    @property
    def ends_connection(self) -> bool:
        """Whether the client has to connect again, which has a price too."""
        return self.status in (401, 413, 429, 431)

    @property
    def body(self) -> bytes:
        """The refusal as JSON."""
        return orjson.dumps({"error": str(self), "code": self.code})

    def to_http(self) -> bytes:
        """The whole answer, after which the connection is closed."""
        return closing_answer(self.status, self.body, self.headers)


def closing_answer(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole answer with a ``body`` of JSON, after which the connection is closed."""
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Server": SERVER,
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode() + body
