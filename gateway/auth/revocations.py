"""Tokens that are refused before they expire: an operator has revoked their ids."""

from typing import Final

from gateway.auth.grant import Grant, RefusedError

WHY: Final = "the token was revoked"


class Revocations:
    """The revoked ids that this gateway knows. `gateway.orders` keeps them current."""

    def __init__(self) -> None:
        self.ids: frozenset[str] = frozenset()

    def cover(self, grant: Grant) -> bool:
        """Whether the token behind ``grant`` was revoked."""
        return bool(grant.token_id) and grant.token_id in self.ids

    def check(self, grant: Grant) -> Grant:
        """``grant``, unless its token was revoked.

        Raises:
            RefusedError: it was.
        """
        if self.cover(grant):
            raise RefusedError("revoked", WHY)
        return grant
