"""The head of an answer that is a stream of events."""

from typing import Final

from gateway.errors import SERVER

_FIELDS: Final = (
    "HTTP/1.1 200 OK",
    "Content-Type: text/event-stream",
    # A proxy that compresses would keep what is written until a block is full.
    "Cache-Control: no-store, no-transform",
    # NGINX buffers answers otherwise.
    "X-Accel-Buffering: no",
    # No length and no chunks: the end of the connection ends the answer (RFC 9112, section 6.3). So the bytes of an
    # event are the same for every client.
    "Connection: close",
    f"Server: {SERVER}",
)

STRICT: Final = "Strict-Transport-Security: max-age=31536000"


def head(origin: str | None, *, secure: bool) -> bytes:
    """The head for a page of ``origin``, which is allowed; ``secure`` says whether this gateway has ended TLS."""
    fields = list(_FIELDS)
    if origin is not None:
        fields += [f"Access-Control-Allow-Origin: {origin}", "Vary: Origin"]
    if secure:
        fields.append(STRICT)
    return "".join(f"{field}\r\n" for field in (*fields, "")).encode()
