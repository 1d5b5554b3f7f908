"""A killed poller, as a bot sees it that knows only Binance's protocol: by default its connection ends."""

import asyncio
import json
from contextlib import suppress
from signal import SIGKILL
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from deploy.launcher.stack import Stack
from tests.integration.faults import STALE_WITHIN_S
from tests.integration.stacks import eventually, http_status, run_plan, running

pytestmark = [pytest.mark.integration, pytest.mark.long("gateway", "poller", "market", "deploy")]

CLOSED_AFTER_S = 10.0
NOTICED_WITHIN_S = 3.0
"""A look each second, and a busy machine."""


async def until_closed(stack: Stack) -> tuple[int | None, str | None, int]:
    """Read a stream until it ends: close code, reason, and how many quotes came before the poller was killed."""
    count = 0
    async with connect(f"ws://{stack.plan.front}/binance/ws/btcusdt@bookTicker") as socket:
        with suppress(ConnectionClosedError):
            async for message in socket:
                assert "u" in json.loads(message)
                count += 1
                if count == 10:
                    stack["poller"].send(SIGKILL)
        await socket.wait_closed()
    return socket.close_code, socket.close_reason, count


async def price_status(stack: Stack) -> int:
    """The status of an answer with a price."""
    return await http_status(f"http://{stack.plan.front}/binance/api/v3/ticker/price?symbol=BTCUSDT")


async def has_price(stack: Stack) -> bool:
    """Whether prices are live."""
    return await price_status(stack) == 200


@pytest.mark.timeout(120)
async def test_a_bot_is_disconnected_when_its_prices_are_stale() -> None:
    """With 1013, ten seconds after; it may connect again, and has as long again. REST says 503 meanwhile."""
    async with running(run_plan()) as stack:
        loop: Any = asyncio.get_running_loop()
        await eventually(lambda: has_price(stack), 20)
        async with asyncio.timeout(60):
            code, reason, count = await until_closed(stack)
        assert (1013, "prices of this connection are stale") == (code, reason)
        assert count >= 10
        assert 503 == await price_status(stack)
        begin = loop.time()
        async with connect(f"ws://{stack.plan.front}/binance/ws/btcusdt@bookTicker") as socket:
            async with asyncio.timeout(CLOSED_AFTER_S + NOTICED_WITHIN_S + 20):
                await socket.wait_closed()
        assert 1013 == socket.close_code
        assert loop.time() - begin >= CLOSED_AFTER_S - 0.5


@pytest.mark.timeout(120)
async def test_silence_can_be_chosen() -> None:
    """Then the connection stays, and nothing comes until prices are live again."""
    async with (
        running(run_plan(BINANCE_COMPAT_STALE="silent")) as stack,
        connect(f"ws://{stack.plan.front}/binance/ws/btcusdt@bookTicker") as socket,
    ):
        await socket.recv()
        stack["poller"].send(SIGKILL)
        await asyncio.sleep(STALE_WITHIN_S + CLOSED_AFTER_S + NOTICED_WITHIN_S)
        assert 503 == await price_status(stack)
        await socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        async with asyncio.timeout(30):
            while "result" not in (message := json.loads(await socket.recv())):
                pass
        assert ["btcusdt@bookTicker"] == message["result"]
