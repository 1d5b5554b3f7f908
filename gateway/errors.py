"""What this package raises, and refusals in terms of HTTP."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson


class GatewayError(Exception):
    """The base of what this package raises. An error that stops the start names the setting and the fix."""


SERVER: Final = "tickgate"
"""The server's name in every answer. A version would tell strangers which weaknesses to try."""


REFUSALS: Final[Mapping[tuple[int, str], str]] = {
    (400, "bad_query"): "A parameter of the query is unknown, wrong, or given twice. The answer says which.",
    (400, "too_many_symbols"): "More symbols than one connection may hold.",
    (400, "bad_request"): "This is no HTTP/1.1 request, or its target names another host than `Host` does.",
    (400, "handshake"): "This is no WebSocket handshake: a header is missing or wrong, or there is a body.",
    (401, "bad_token"): "There is no token where one is needed, or it is no JSON Web Token that can be read.",
    (401, "bad_signature"): "The token's signature is wrong.",
    (401, "wrong_algorithm"): "The token is signed with an algorithm that is not accepted here.",
    (401, "unknown_key"): "The token is signed with a key that the issuer does not publish.",
    (401, "expired"): "The token has expired.",
    (401, "not_yet_valid"): "The token is not valid yet.",
    (401, "wrong_issuer"): "The token's `iss` is not the issuer that is trusted here.",
    (401, "revoked"): "An operator has revoked the token.",
    (401, "wrong_audience"): "The token's `aud` does not name this service.",
    (401, "bad_ticket"): "The ticket was used before, is too old, or never existed.",
    (403, "anonymous"): "`AUTH_MODE` is none, and the client is not on loopback.",
    (403, "forbidden"): "The token does not allow what the query asks for.",
    (403, "host"): "The name in `Host` is not in `ALLOWED_HOSTS`.",
    (403, "origin"): "The page's origin is not in `ALLOWED_ORIGINS`.",
    (404, "unknown_symbol"): "This gateway serves no such symbol. The answer suggests others.",
    (404, "path"): "No WebSocket is at this path. The answer has the URL of the right one.",
    (404, "not_found"): "Nothing is at this path.",
    (404, "ticket"): "No ticket is needed here: `AUTH_MODE` is none.",
    (405, "bad_request"): "The gateway is no proxy.",
    (405, "method"): "This path takes other methods. The answer names them, in `Allow` too.",
    (413, "too_large"): "The body is longer than 4096 bytes, or has no length.",
    (
        426,
        "handshake",
    ): "The WebSocket version is not 13, or a plain request came to `/ws`. The answer says what to do.",
    (429, "address"): "This address has too many connections.",
    (429, "rate"): "This address connects too often, or this subject sends too much.",
    (429, "requests"): "This address, or this connection, makes too many requests.",
    (429, "subject"): "This token's subject has too many connections.",
    (431, "too_large"): "Request line and headers exceed 14 KB together, or there are more than 64 headers.",
    (503, "descriptors"): "The process has no more file descriptors.",
    (503, "full"): "The gateway takes no more connections.",
    (503, "try_later"): "The token or ticket cannot be checked now.",
}
"""Status and code of every refusal over HTTP, and what they mean."""


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
