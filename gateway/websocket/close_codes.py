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
    """Every reason for which this gateway closes."""

    DRAIN = Close(1012, "this gateway is going away", "at once")
    TOO_BIG_WITHOUT_TOKEN = Close(1009, "a compressed message this long needs a token first", "never")
    TRY_LATER = Close(1013, "the token cannot be checked now", "with backoff")
    UNAUTHORISED = Close(4401, "the token opens nothing here", "never")
    EXPIRED = Close(4401, "the token has expired", "never")
    FORBIDDEN = Close(4403, "another subject's token", "never")
    TOO_SLOW = Close(4408, "too slow for every tick", "with backoff")
    UNFINISHED = Close(4408, "too slow: a message was not finished in time", "with backoff")
    AUTH_TIMEOUT = Close(4409, "no token in time", "with backoff")
    TOO_MANY_ERRORS = Close(4429, "too many errors", "with backoff")
    TOO_MANY_MESSAGES = Close(4429, "too many messages", "with backoff")
    TOO_MANY_CONNECTIONS = Close(4429, "too many connections of one subject", "with backoff")

    @property
    def code(self) -> int:
        """The close code on the wire."""
        return self.value.code

    @property
    def reason(self) -> str:
        """The text beside the code, 123 bytes at most (RFC 6455, section 5.5)."""
        return self.value.reason
