"""Floods of valid messages and frames."""

import asyncio
from collections.abc import Awaitable, Callable

from bench.attacks.attack import Attack
from bench.attacks.stranger import Stranger, Target
from bench.clients.wire import PING, TEXT, client_frame, command, masked_frame

_PER_S = 100
"""The messages a second that one connection may send."""
_MOST = 400
"""The number of connections: a few less than one address may have."""
_SIP_BYTES = 1_000
_SUBSCRIBE = command(type="subscribe", symbols=["*"])
_UNSUBSCRIBE = command(type="unsubscribe", symbols=["*"])
_CONTINUATION = masked_frame(0x00, b"x")


def _repeated(data: bytes, connections: int, per_s: float = 0) -> Callable[[Target], Awaitable[None]]:
    async def begin(target: Target) -> None:
        async def session(stranger: Stranger) -> None:
            await stranger.upgrade()
            await stranger.repeat(data, per_s)

        await target.keep(connections, session)

    return begin


async def _fragments(target: Target) -> None:
    async def session(stranger: Stranger) -> None:
        await stranger.upgrade()
        await stranger.send(masked_frame(TEXT, b'"'))
        await stranger.repeat(_CONTINUATION * 100)

    await target.keep(4, session)


async def _drips(target: Target) -> None:
    """Send one long message, a byte per packet."""
    head = masked_frame(0x80 | TEXT, b"x" * 200_000)[:14]

    async def session(stranger: Stranger) -> None:
        await stranger.upgrade()
        await stranger.send(head)
        await stranger.repeat(b"x", 200)

    await target.keep(100, session)


async def _unread_replies(target: Target) -> None:
    """Each round leaves some 21 KB unread, and holds nothing afterwards."""

    async def session(stranger: Stranger) -> None:
        await stranger.upgrade()
        stranger.stop_reading()
        await stranger.repeat(_SUBSCRIBE + _UNSUBSCRIBE, _PER_S / 4)

    await target.keep(100, session)


async def _unread_lists(target: Target) -> None:
    ping = command(type="ping", id="x" * 64)

    async def session(stranger: Stranger) -> None:
        await stranger.upgrade()
        stranger.stop_reading()
        await stranger.repeat(command(type="list", id="x" * 64) + ping, _PER_S / 2)

    await target.keep(100, session)


async def _unfinished(target: Target) -> None:
    """The longest allowed message, without its last fragment."""
    fragment = masked_frame(TEXT, b"x" * 131_000)
    more = masked_frame(0x00, b"x" * 131_000)

    async def session(stranger: Stranger) -> None:
        await stranger.upgrade()
        await stranger.send(fragment)
        await stranger.send(more)
        await stranger.ended.wait()

    await target.keep(100, session)


async def _slow_readers(target: Target) -> None:
    async def session(stranger: Stranger) -> None:
        await stranger.upgrade()
        await stranger.send(_SUBSCRIBE)
        stranger.stop_reading()
        while not stranger.ended.is_set():
            stranger.read_some(_SIP_BYTES)
            await asyncio.sleep(1)

    await target.keep(50, session)


_TURN = _SUBSCRIBE + _UNSUBSCRIBE
_LONG_PING = client_frame(PING, b"x" * 125)
_SHORT_PINGS = client_frame(PING, b"") * 100

ATTACKS = (
    Attack(
        "churn", "10 clients subscribe to all and unsubscribe, 100 messages a second each", _repeated(_TURN, 10, 50)
    ),
    Attack("churn-many", "400 clients do the same", _repeated(_TURN, _MOST, 50)),
    Attack("pings", "100 clients send 100 pings of 125 bytes a second each", _repeated(_LONG_PING, 100, _PER_S)),
    Attack("pings-many", "400 clients do the same", _repeated(_LONG_PING, _MOST, _PER_S)),
    Attack("ping-flood", "4 clients send pings as fast as they can", _repeated(_SHORT_PINGS, 4)),
    Attack("fragments", "4 clients send fragments of one byte as fast as they can", _fragments),
    Attack("drips", "100 clients send a long message in packets of a byte, 200 a second each", _drips, "EdDSA"),
    Attack("unread-replies", "100 clients subscribe to all and unsubscribe, and read nothing", _unread_replies),
    Attack("unread-lists", "100 clients send list and ping, and read nothing", _unread_lists),
    Attack("unfinished", "100 clients send 262,000 bytes of a message that they never finish", _unfinished, "EdDSA"),
    Attack("slow-readers", "50 clients hold every symbol and read 1 KB/s", _slow_readers),
)
