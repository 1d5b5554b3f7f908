"""Who makes a gateway keep windows, or requests that never end, is counted with all others, and goes first."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.admission.request.head import MAX_HEAD_BYTES
from tests.client_frames import FIN, RSV1, TEXT, client_frame, deflated
from tests.gateway.conftest import HOST, RunningGateway, Start, start
from tests.integration.test_access_control import UPGRADE
from tests.waiting import until

__all__ = ["start"]
pytestmark = pytest.mark.integration

KIB = 1024
BUDGET = 512 * KIB
HANDSHAKE = b"GET /ws HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" + UPGRADE + b"\r\n"


@asynccontextmanager
async def opened(running: RunningGateway, data: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A connection that begins with ``data``."""
    reader, writer = await asyncio.open_connection(HOST, running.port)
    writer.write(data)
    try:
        yield reader
    finally:
        writer.transport.abort()


def noise(size: int) -> bytes:
    """One message of a client that compresses: its window is so large, and cannot be told in less."""
    payload = b'{"type":"ping","id":"' + os.urandom(size // 2).hex().encode() + b'"}'
    return client_frame(FIN | RSV1 | TEXT, deflated(payload))


async def test_windows_are_kept_within_the_budget(start: Start) -> None:
    """Those who have sent most are cut off; who compresses what a client has to say stays."""
    running = await start(max_buffered_bytes=BUDGET)
    gateway = running.gateway
    async with opened(running, HANDSHAKE + noise(200)) as honest:
        many = [opened(running, HANDSHAKE + noise(12 * KIB)) for _ in range(60)]
        for one in many:
            await one.__aenter__()
        await until(lambda: gateway.counters.buffers_cut_off["budget"] > 0)
        await until(lambda: gateway.counters.messages_received == 61)
        assert 0 < gateway.buffers.held_bytes() <= BUDGET
        assert len(gateway.hub) >= 20
        assert not honest.at_eof()
        for one in many:
            await one.__aexit__(None, None, None)
        await until(lambda: len(gateway.hub) == 1)
        assert gateway.buffers.held_bytes() < KIB
    await until(lambda: gateway.buffers.held_bytes() == 0)


async def test_requests_that_never_end_are_kept_within_the_budget(start: Start) -> None:
    """First ones, and later ones of a connection."""
    running = await start(max_buffered_bytes=BUDGET)
    gateway = running.gateway
    begun = (b"GET / HTTP/1.1\r\nX: ").ljust(MAX_HEAD_BYTES - 100, b"x")
    later = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + begun
    many = [opened(running, data) for data in (begun, later) * 30]
    for one in many:
        await one.__aenter__()
    await until(lambda: gateway.counters.buffers_cut_off["budget"] >= 60 - BUDGET // len(begun))
    assert 0 < gateway.buffers.held_bytes() <= BUDGET
    for one in many:
        await one.__aexit__(None, None, None)
    await until(lambda: gateway.buffers.held_bytes() == 0)
