"""Raw connections, from an address of their own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

OPERATOR = "127.0.0.1"
"""An address without limits."""


@asynccontextmanager
async def socket(port: int, source: str = OPERATOR) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection to a port of HAProxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def said(reader: asyncio.StreamReader, within_s: float = 30) -> bytes:
    """Read everything until the other end closes, which it must do in time."""
    answer = b""
    async with asyncio.timeout(within_s):
        with contextlib.suppress(ConnectionResetError):
            while part := await reader.read(65536):
                answer += part
    return answer
