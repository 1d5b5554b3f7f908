"""A whole gateway in the test's own process: real sockets, a bus in memory."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.http import GATEWAY
from gateway.settings import Settings
from market.status import Beat
from tests.fakes import tick


class RunningGateway:
    """A gateway that listens, and the bus that it hears."""

    def __init__(self, server: TestServer) -> None:
        self.server = server
        self.gateway: Gateway = server.app[GATEWAY]
        self.http_url = str(server.make_url("/"))
        self.url = f"ws://{server.host}:{server.port}/ws"

    async def publish(self, symbol: str, seq: int, **fields: Any) -> None:
        await self.gateway.bus.publish([tick(symbol, seq, **fields)])

    async def beat(self, **fields: Any) -> None:
        now = time.time_ns() // 1000
        usual = {"source": "simulated", "link": "up", "since_us": now, "sent_us": now}
        await self.gateway.bus.publish([], Beat(**(usual | fields)))


Start = Callable[..., Awaitable[RunningGateway]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a gateway with the settings given."""
    servers = []

    async def start(**settings: Any) -> RunningGateway:
        server = TestServer(create_app(Settings(bus_url="memory://", **settings)))
        servers.append(server)
        await server.start_server()
        return RunningGateway(server)

    yield start
    for server in servers:
        await server.close()
