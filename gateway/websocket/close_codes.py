"""Why a connection ends, by name, and what its client should do then.

Codes below 4000 are the protocol's own (RFC 6455, section 7.4.1, and the IANA registry). Codes from 4000 are ours.
"""

from enum import Enum
from typing import Literal

from msgspec import Struct

Reconnect = Literal["at once", "with backoff", "never"]
"""``never`` means: not with the same token."""


class Close(Struct, frozen=True):
    """One reason to close."""

    code: int
    reason: str
    reconnect: Reconnect


class CloseReason(Enum):
    """Every reason for which this gateway closes, and what the client should do."""

    DRAIN = Close(1012, "this gateway is going away", "at once")
    """Connect again at once, to any gateway."""
    TOO_BIG_WITHOUT_TOKEN = Close(1009, "a compressed message this long needs a token first", "never")
    """Send ``auth`` first, or the message uncompressed."""
    TRY_LATER = Close(1013, "the token cannot be checked now", "with backoff")
    """Connect again with backoff."""
    STALE = Close(1013, "prices of this connection are stale", "with backoff")
    """Only where clients know no other word for it, at ``/ws/trade`` and on ``/binance``: connect again with backoff.
    Sent too when a symbol is no longer served."""
    TOO_MANY_REQUESTS = Close(1008, "Too many requests", "with backoff")
    """On ``/binance`` only: connect again with backoff; send at most five messages a second."""
    UNAUTHORISED = Close(4401, "the token opens nothing here", "never")
    """Connect again with another token."""
    EXPIRED = Close(4401, "the token has expired", "never")
    """Connect again with another token. Send ``auth`` with a new token before the old one expires."""
    REVOKED = Close(4401, "the token was revoked", "never")
    """Connect again with another token: an operator has revoked this one."""
    FORBIDDEN = Close(4403, "another subject's token", "never")
    """Use the tokens of one subject on one connection."""
    TOO_SLOW = Close(4408, "too slow for every tick", "with backoff")
    """Connect again with backoff; read faster, or leave out ``conflate: false``."""
    UNFINISHED = Close(4408, "too slow: a message was not finished in time", "with backoff")
    """Connect again with backoff; send a whole message within ``MESSAGE_TIMEOUT_S``."""
    AUTH_TIMEOUT = Close(4409, "no token in time", "with backoff")
    """Connect again with backoff; send ``auth`` as the first message."""
    KICKED = Close(4410, "an operator has ended the connections of this subject", "never")
    """Do not connect again by yourself, with another token neither. A person may."""
    TOO_MANY_ERRORS = Close(4429, "too many errors", "with backoff")
    """Connect again with backoff, when the client is repaired."""
    TOO_MANY_MESSAGES = Close(4429, "too many messages", "with backoff")
    """Connect again with backoff; send fewer messages."""
    TOO_MANY_CONNECTIONS = Close(4429, "too many connections of one subject", "with backoff")
    """Connect again with backoff; use fewer connections."""

    @property
    def code(self) -> int:
        """The close code on the wire."""
        return self.value.code

    @property
    def reason(self) -> str:
        """The text beside the code, 123 bytes at most (RFC 6455, section 5.5)."""
        return self.value.reason
