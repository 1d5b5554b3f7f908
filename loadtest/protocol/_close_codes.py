"""When a user connects again after its connection ended, by the protocol's close codes."""

from enum import Enum


class Rule(Enum):
    """When to connect again."""

    MOVE = "the gateway goes away on purpose: after the wait it named"
    BACKOFF = "after a growing, jittered wait"
    NEVER = "not with these credentials"


_RULES = {
    1009: (Rule.NEVER, "message too big"),
    1012: (Rule.MOVE, "service restart"),
    1013: (Rule.BACKOFF, "try again later"),
    4401: (Rule.NEVER, "unauthorised or expired"),
    4403: (Rule.NEVER, "forbidden"),
    4408: (Rule.BACKOFF, "too slow"),
    4409: (Rule.BACKOFF, "handshake or authentication timed out"),
    4410: (Rule.NEVER, "kicked by an operator"),
    4429: (Rule.BACKOFF, "rate limit"),
}

UNAUTHORISED, TOO_SLOW = 4401, 4408
NO_CODE = 1005
"""Stands for a close frame without a code (RFC 6455, section 7.4.1)."""
ABNORMAL = 1006
"""Stands for a connection that ended without a close frame (RFC 6455, section 7.4.1)."""


def rule_of(code: int) -> Rule:
    """When to connect again after this close code; an unknown code counts as a fault."""
    return _RULES.get(code, (Rule.BACKOFF, ""))[0]


def meaning_of(code: int) -> str:
    """The code and its meaning, for a row of statistics: one text per code, without the peer's reason."""
    if code == ABNORMAL:
        return "1006 connection lost"
    name = _RULES.get(code, (Rule.BACKOFF, ""))[1]
    return f"{code} {name}".rstrip()


def code_of(payload: bytes) -> int:
    """The code in a close frame's payload (RFC 6455, section 5.5.1)."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_CODE
