"""What an attack is: a coroutine that goes on until it is cancelled, and what the gateway asks of its clients."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from bench.attacks.stranger import Target

Algorithm = Literal["", "HS256", "RS256", "EdDSA"]
"""Of the tokens that the gateway asks for; "" where nobody needs one."""


@dataclass(frozen=True)
class Attack:
    """One way to make a gateway work."""

    name: str
    about: str
    begin: Callable[[Target], Awaitable[None]]
    tokens: Algorithm = ""
