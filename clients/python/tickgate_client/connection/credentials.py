"""The token of a stream: whether there is another one, when to get it, and when to give up."""

import math
from typing import Final, Literal

from tickgate_client.errors import RefusedError
from tickgate_client.events import Problem

Kind = Literal["none", "fixed", "renewable"]

AGAIN_S: Final = 5.0
"""After a token that could not be had, or was refused, while the old one still counts."""
REST_S: Final = 1.0
"""Between two tokens at least: one that lives for less than the gateway's notice expires soon from its beginning."""
MOST_REFUSED: Final = 3
"""So many tokens are refused, one after the other, before we give up."""
UNAUTHORISED: Final = frozenset({401, 4401, 4403})
"""Statuses and close codes: another token is needed."""
NO_TOKEN: Final = 4409
"""The close code of who shows none."""

_HELP: Final = {
    "none": "give a token with token=",
    "fixed": "give another one, or a function that gets a new one",
    "renewable": f"{MOST_REFUSED} tokens were refused, one after the other",
}


class Credentials:
    """What is decided about tokens; none is ever in here."""

    def __init__(self, kind: Kind) -> None:
        """There is no token, one, or a function that gets one."""
        self.kind: Kind = kind
        self.renew_at: float | None = None
        """When to ask for another one."""
        self._refused = 0
        self._asked_at = -math.inf

    def accepted(self) -> None:
        """The gateway takes the one that it was shown."""
        self._refused = 0
        self.renew_at = None

    def gone(self) -> None:
        """There is no connection: the next one begins with a token of its own."""
        self.renew_at = None

    def expiring(self, now: float) -> Problem | None:
        """The gateway says that the token ends soon; a problem if nobody can do anything."""
        if self.kind == "renewable":
            self.renew_at = max(now, self._asked_at + REST_S)
            return None
        return Problem("expiring", "the token ends soon; give a function as token= to have it renewed")

    def due(self, now: float) -> bool:
        """Whether to get another one now; then it is not due again."""
        if self.renew_at is None or now < self.renew_at:
            return False
        self.renew_at, self._asked_at = None, now
        return True

    def failed(self, now: float) -> None:
        """There is no other token now; the old one still counts for a while."""
        self.renew_at = now + AGAIN_S

    def refused(self, reason: str, code: int) -> RefusedError | None:
        """The gateway wants another token; an error if there will be none that it takes."""
        self._refused += 1
        if self.kind == "renewable" and self._refused < MOST_REFUSED:
            return None
        return RefusedError(f"{reason}; {_HELP[self.kind]}", code)
