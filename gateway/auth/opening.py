"""Opens what checks tokens, if a gateway asks for tokens."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.auth.settings import AuthSettings

if TYPE_CHECKING:
    from gateway.auth.authenticator import Authenticator


def open_authenticator(
    settings: AuthSettings, now_s: Callable[[], float], rng: random.Random
) -> "Authenticator | None":
    """What checks tokens as ``settings`` say; None if no token is needed. ``now_s`` is the time, Unix seconds."""
    if settings.mode == "none":
        return None
    # Imported here: cryptography takes megabytes of memory, and not every gateway needs it.
    from gateway.auth.authenticator import Authenticator

    return Authenticator(settings, now_s=now_s, rng=rng)
