"""Floods of signatures to check, by ``auth`` messages."""

import json
from collections.abc import Awaitable, Callable

from bench.attacks.attack import Attack
from bench.attacks.stranger import Stranger, Target, bearer
from bench.clients.wire import TEXT, client_frame

_STRANGERS = 50
_INSIDERS = 90
_PER_S = 100
"""The messages a second that one connection may send."""


def _auth(token: str) -> bytes:
    return client_frame(TEXT, json.dumps({"type": "auth", "token": token}).encode())


async def _stranger(target: Target) -> None:
    """Send a forged token as the first message; it is also the last one."""
    frame = _auth(target.forged_token)

    async def session(stranger: Stranger) -> None:
        await stranger.upgrade()
        await stranger.send(frame)
        await stranger.answered()

    await target.keep(_STRANGERS, session)


def _insider(token_of: Callable[[Target], str]) -> Callable[[Target], Awaitable[None]]:
    async def begin(target: Target) -> None:
        async def session(stranger: Stranger) -> None:
            await stranger.upgrade(bearer(target.good_token))
            await stranger.repeat(_auth(token_of(target)), _PER_S)

        await target.keep(_INSIDERS, session)

    return begin


ATTACKS = (
    Attack("auth-eddsa", "connect and auth with a forged token (EdDSA), 50 at once, over and over", _stranger, "EdDSA"),
    Attack("auth-rs256", "the same, RS256", _stranger, "RS256"),
    Attack("auth-hs256", "the same, HS256", _stranger, "HS256"),
    Attack(
        "reauth-forged", "90 clients with a good token send auth with a forged one, 100 a second each (EdDSA)",
        _insider(lambda target: target.forged_token), "EdDSA",
    ),
    Attack(
        "reauth-good", "90 clients send auth with the token that they have, 100 a second each (EdDSA)",
        _insider(lambda target: target.good_token), "EdDSA",
    ),
)  # fmt: skip
