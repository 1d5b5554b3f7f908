"""An attack: a coroutine that runs until it is cancelled, and the tokens that the gateway asks for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from bench.attacks.stranger import Target

Algorithm = Literal["", "HS256", "RS256", "EdDSA"]
"""The algorithm of the tokens that the gateway asks for; "" if it asks for none."""


@dataclass(frozen=True)
class Attack:
    """One way to make a gateway work."""

    name: str
    about: str
    begin: Callable[[Target], Awaitable[None]]
    tokens: Algorithm = ""
