"""What the core asks its driver to do."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Dial:
    """Get a token, connect, and say `Core.opened` or `Core.refused`. Then pass on what comes, and the end."""

    attempt: int = 0
    """0 for the first connection of a stream; then its number among the attempts since there was one, from 1."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text message; if that cannot be done, the connection's end will say so."""

    text: str


@dataclass(frozen=True, slots=True)
class Leave:
    """End the connection, or the attempt to make one. Nothing more of it may reach the core."""


@dataclass(frozen=True, slots=True)
class RenewToken:
    """Get another token and say `Core.token_renewed` or `Core.token_failed`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A request of the caller's has its answer."""

    number: int
    result: Any
    """What its caller gets, or the exception to raise there."""


Action = Dial | Send | Leave | RenewToken | Answer
