"""Useless connections, which close at once or stay."""

import asyncio

from bench.attacks.attack import Attack
from bench.attacks.stranger import Stranger, Target

_PER_S = 1_000
_AT_ONCE = 200
_STAYING = 450


async def _bare(target: Target) -> None:
    async def session(_: Stranger) -> None:
        await asyncio.sleep(0)

    await target.arrive(_PER_S, _AT_ONCE, session)


async def _handshakes(target: Target) -> None:
    async def session(stranger: Stranger) -> None:
        await stranger.upgrade()

    await target.arrive(_PER_S, _AT_ONCE, session)


async def _half_open(target: Target) -> None:
    """A header that never ends, a byte a second (slowloris)."""

    async def session(stranger: Stranger) -> None:
        await stranger.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nX: ")
        await stranger.repeat(b"x", 1)

    await target.keep(_STAYING, session)


ATTACKS = (
    Attack("connects", "1,000 connects a second, closed at once", _bare),
    Attack("connects-upgrade", "1,000 handshakes a second, closed at once", _handshakes),
    Attack("half-open", "450 connections with a header that never ends, a byte a second", _half_open),
)
