"""The events that a WebSocket has other means for: pings, and a close frame."""

import msgspec
from msgspec import Struct

from gateway.protocol.event_encoding import event
from gateway.websocket.close_codes import CloseReason, Reconnect


class EventMessage(Struct, tag_field="type", kw_only=True, gc=False):
    """The base of what only streams of events are sent."""


class Heartbeat(EventMessage, tag="heartbeat"):
    """The stream is alive, even if no price changes. It comes twice in ``heartbeat_s``."""

    server_us: int
    """The gateway's clock; Unix time, microseconds."""


class Closed(EventMessage, tag="closed"):
    """The last event, if the gateway ends the stream: why, as in the close frame of a WebSocket."""

    code: int
    """See [close codes](protocol.md#close-codes)."""
    reason: str
    """The same in words."""
    reconnect: Reconnect
    """Whether to connect again: ``at once``, ``with backoff``, or ``never``, that is not with the same token."""


_encode = msgspec.json.Encoder().encode


def written(message: EventMessage) -> bytes:
    """The event of a message."""
    return event(_encode(message))


def closing(reason: CloseReason) -> bytes:
    """The last event."""
    return written(Closed(code=reason.code, reason=reason.reason, reconnect=reason.value.reconnect))


def retry(after_ms: int) -> bytes:
    """Let a browser wait so long before it connects again by itself."""
    return b"retry: %d\n\n" % after_ms
