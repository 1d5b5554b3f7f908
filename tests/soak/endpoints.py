"""Where clients knock, and the tokens that they bring."""

import random
import time
from typing import Any

import jwt
from msgspec import Struct

SUBJECTS = 40
"""Whose tokens these are; so many that no subject comes near its limit of connections."""


class Endpoint(Struct, frozen=True):
    """One gateway, as a client sees it."""

    host: str
    port: int
    locked: bool
    """Whether a token is asked for."""

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read what `str` has written: ``127.0.0.1:8081``, with a ``!`` behind it for a locked one."""
        host, _, port = text.removesuffix("!").rpartition(":")
        return cls(host, int(port), text.endswith("!"))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}{'!' if self.locked else ''}"


class Bearer:
    """Makes tokens, good ones and others."""

    def __init__(self, secret: str, rng: random.Random) -> None:
        self._secret = secret
        self._rng = rng

    def good(self, lasts_s: float = 3600, **claims: Any) -> str:
        """One that opens a locked endpoint for ``lasts_s`` seconds."""
        subject = f"client-{self._rng.randrange(SUBJECTS)}"
        return self._sign({"sub": subject, "exp": int(time.time() + lasts_s), **claims})

    def bad(self) -> str:
        """One that opens nothing."""
        choices = ("", "not.a.token", self._sign({"sub": "late", "exp": 1}), self._sign({"sub": "for ever"}))
        return self._rng.choice(choices) or jwt.encode({"sub": "forger", "exp": 2**40}, self._secret[::-1], "HS256")

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._secret, "HS256")
