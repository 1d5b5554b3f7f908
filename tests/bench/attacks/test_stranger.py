"""An attacker's connections, and the count of what they are answered."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.attacks.stranger import SOURCE, GoneError, Stranger, Target, at_rate
from bench.clients.wire import CLOSE, TEXT, server_frame
from tests.serving import serving


@asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[tuple[Target, list[str]]]:
    """One that answers whatever comes with ``answers``, one after the other, and then closes; and who came."""
    came: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername")[0])
        for answer in answers:
            await reader.read(1000)
            writer.write(answer)
        await writer.drain()
        writer.close()

    async with serving(serve) as port:
        yield Target("127.0.0.1", port), came


async def test_what_a_stranger_is_answered_is_counted() -> None:
    """The upgrade, errors by their code, the close by its code, and that it was not the stranger who left."""
    error = server_frame(TEXT, b'{"type":"error","code":"rate_limited","message":"x"}')
    close = server_frame(CLOSE, (4429).to_bytes(2) + b"too many messages")
    async with server(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", error + error + close) as (target, came):
        stranger = await target.connect()
        await stranger.upgrade()
        await stranger.send(b"x")
        await stranger.ended.wait()
        assert came == [SOURCE]
        expected = {"connects": 1, "sent": 2, "HTTP 101": 1, "error rate_limited": 2, "closed 4429": 1, "cut off": 1}
        assert target.fate == expected
        with pytest.raises(GoneError):
            await stranger.send(b"x")


async def test_a_refused_upgrade_is_counted_and_ends_the_session() -> None:
    """By its status."""
    async with server(b"HTTP/1.1 429 Too Many Requests\r\n\r\n") as (target, _):
        stranger = await target.connect()
        with pytest.raises(GoneError):
            await stranger.upgrade()
        assert target.fate["HTTP 429"] == 1


async def test_who_was_turned_away_comes_again() -> None:
    """Until the attack is ended."""
    ended: list[Stranger] = []
    again = asyncio.Event()

    async def session(stranger: Stranger) -> None:
        await stranger.send(b"x")
        await stranger.ended.wait()
        ended.append(stranger)
        if len(ended) == 3:
            again.set()

    async with server(b"") as (target, came):
        attack = asyncio.create_task(target.keep(1, session))
        await again.wait()
        attack.cancel()
        await asyncio.wait([attack])
    assert len(came) >= 3


async def test_a_target_that_nobody_serves_does_not_end_the_attack() -> None:
    """It is counted."""
    async with server() as (target, _):
        pass
    with pytest.raises(GoneError):
        await target.connect()
    assert target.fate["not connected: ConnectionRefusedError"] == 1


async def test_a_rate_gives_what_is_due() -> None:
    """Never more than the time that has passed is worth."""
    begun, total = time.monotonic(), 0
    async for due in at_rate(1_000):
        total += due
        assert total <= (time.monotonic() - begun) * 1_000 + 1
        if total > 20:
            break
