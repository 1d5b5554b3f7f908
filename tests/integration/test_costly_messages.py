"""Messages that are cheap to send and dear to take: as many are looked at as are paid for, with and without HAProxy.

The attackers are at 127.0.0.2, where every limit has its default and holds.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from deploy.launcher.stack import Stack
from deploy.ports import Address
from tests.client import connected
from tests.client_frames import FIN, RSV1, TEXT, client_frame, deflated
from tests.integration.stacks import ws_url
from tests.integration.test_siege import ATTACKER, gateway_alone, gateway_behind_haproxy

pytestmark = pytest.mark.integration

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n"
)
ATTACKERS, TIMES, PAUSE_S = 4, 80, 0.02

EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"

COSTLY = {
    # What it takes in tokens, beside the frame: see gateway/client/costs.py.
    "one name 43,000 times": (63, deflated(b'{"type":"subscribe","symbols":["BTC"%b]}' % (b',"BTC"' * 43_000))),
    "one name 9,000 times": (48, deflated(b'{"type":"unsubscribe","symbols":["BTC"%b]}' % (b',"BTC"' * 9_000))),
    "names that mean nothing": (
        40,
        deflated(b'{"type":"subscribe","symbols":["X"%b]}' % b"".join(b',"X%d"' % (n % 99) for n in range(8_000))),
    ),
    "names that are like a symbol": (
        55,
        deflated(
            b'{"type":"subscribe","symbols":["XBT"%b]}' % b"".join(b',"XBT/US-%d"' % (n % 99) for n in range(8_000))
        ),
    ),
    "blocks with nothing in them": (62, EMPTY_BLOCK * 3_200 + deflated(b'{"type":"ping"}')),
}
"""What is sent again and again, and the least it costs."""


async def attack(address: Address, payload: bytes) -> tuple[int, int, float]:
    """Send it no faster than pings may come; how often it was looked at, how often refused, and seconds taken."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(address.host, address.port, local_addr=(ATTACKER, 0))
    answers = bytearray()

    async def listen() -> None:
        while data := await reader.read(65536):
            answers.extend(data)

    listening = asyncio.create_task(listen())
    try:
        begin = loop.time()
        writer.write(HANDSHAKE)
        for _ in range(TIMES):
            writer.write(client_frame(FIN | RSV1 | TEXT, payload))
            await asyncio.sleep(PAUSE_S)
        # The gateway answers all that came before it closes.
        writer.write(client_frame(FIN | 0x8, (1000).to_bytes(2)))
        async with asyncio.timeout(60):
            await listening
        took_s = loop.time() - begin
    finally:
        listening.cancel()
        writer.close()
    refused = answers.count(b'"code":"rate_limited"')
    received = sum(answers.count(kind) for kind in (b'"subscribed"', b'"unsubscribed"', b'"pong"', b'"type":"error"'))
    return received - refused, refused, took_s


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(gateway_alone, marks=pytest.mark.long("gateway", "market", "poller", "deploy")),
        pytest.param(gateway_behind_haproxy, marks=pytest.mark.haproxy),
    ],
    ids=["alone", "behind-haproxy"],
)
async def test_as_many_are_looked_at_as_are_paid_for(start: Callable[[], AbstractAsyncContextManager[Stack]]) -> None:
    """Who sends them at the rate of pings is refused most of them, and a client elsewhere gets every tick."""
    async with start() as stack, connected(ws_url(stack)) as client:
        await client.subscribe("BTC", conflate=False)
        for what, (tokens, payload) in COSTLY.items():
            before = len(client.prices.get("BTCUSDT", ()))
            results = await asyncio.gather(*(attack(stack.plan.front, payload) for _ in range(ATTACKERS)))
            for looked_at, refused, took_s in results:
                # What is there at the beginning, what comes back, and one message more.
                assert looked_at <= (200 + 100 * took_s) / (1 + tokens) + 2, what
                assert looked_at >= 1
                assert refused > 0
            await client.until(lambda client: len(client.prices["BTCUSDT"]) > before)  # noqa: B023 # awaited in this turn of the loop
        assert [] == client.gaps()
