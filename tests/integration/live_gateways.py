"""Gateways of the test's own process, in place of stand-ins behind a front."""

import asyncio
from ssl import SSLContext
from typing import Any

from tests.gateway.conftest import RunningGateway, start_gateway
from tests.integration.balancers import StandIn
from tests.waiting import until


class LiveGateway(StandIn):
    """A real gateway with a bus in memory. It listens when the front is started."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = settings
        self.running: RunningGateway
        self.server: Any = self

    @property
    def port(self) -> int:
        return self.running.port

    async def start_server(self, ssl: SSLContext | None = None) -> None:
        assert ssl is None, "a gateway of these speaks no TLS"
        self.running = await start_gateway(**self._settings)
        await self.running.heartbeat()
        await until(lambda: self.running.gateway.feed.live)

    async def close(self) -> None:
        await self.running.close()

    async def until_left_alone(self) -> None:
        await asyncio.sleep(0)
