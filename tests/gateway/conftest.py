"""A whole gateway in the test's own process: real sockets, a bus in memory."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from deploy.ports import free_port
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.http.routes import GATEWAY
from gateway.http.server import Serving
from gateway.settings import Settings
from market.wire.status import Heartbeat
from tests.fakes import tick
from tests.market.bus.using import publish

HOST = "127.0.0.1"


class RunningGateway:
    """A gateway that listens, and the bus that it hears."""

    def __init__(self, app: web.Application, port: int, runner: web.AppRunner, close: Callable[[], Any]) -> None:
        self.app = app
        self.gateway: Gateway = app[GATEWAY]
        self.host, self.port = HOST, port
        self.http_url = f"http://{HOST}:{port}/"
        self.url = f"ws://{HOST}:{port}/ws"
        self._runner = runner
        self._close = close

    @property
    def requests(self) -> list[RequestHandler]:
        """The connections that aiohttp holds."""
        assert self._runner.server is not None
        return self._runner.server.connections

    async def publish(self, symbol: str, seq: int, **fields: Any) -> None:
        await publish(self.gateway.bus, [tick(symbol, seq, **fields)])

    async def heartbeat(self, **fields: Any) -> None:
        now = time.time_ns() // 1000
        usual: dict[str, Any] = {"source": "simulated", "link": "up", "since_us": now, "sent_us": now}
        await publish(self.gateway.bus, [], Heartbeat(**(usual | fields)))

    async def close(self) -> None:
        """Stop it; a second time does nothing."""
        close, self._close = self._close, _nothing
        await close()


async def ask(running: RunningGateway, request: bytes) -> bytes:
    """Send ``request``, and read until the other end hangs up."""
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read(-1)
    writer.close()
    return answer


def stop_the_clock(running: RunningGateway) -> None:
    """Let nothing come back of what requests cost, however slow the test's machine is."""
    running.gateway.admission.charges._now = lambda: 1000.0


async def _nothing() -> None:
    pass


async def start_gateway(**settings: Any) -> RunningGateway:
    """The way ``python -m gateway`` and the gunicorn worker do it."""
    serving = Serving(create_app(Settings(**({"bus_url": "memory://"} | settings))))
    await serving.start()
    port = free_port()
    await serving.listen(host=HOST, port=port)
    return RunningGateway(serving.app, port, serving._runner, serving.close)


async def start_bare_app(**settings: Any) -> RunningGateway:
    """The way aiohttp's own runners do it, such as ``adev runserver`` and the workers that gunicorn comes with."""
    runner = web.AppRunner(create_app(Settings(**({"bus_url": "memory://"} | settings))))
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, HOST, port).start()
    return RunningGateway(runner.app, port, runner, runner.cleanup)


Start = Callable[..., Awaitable[RunningGateway]]


async def _starting(way: Start) -> AsyncIterator[Start]:
    started = []

    async def start(**settings: Any) -> RunningGateway:
        running = await way(**settings)
        started.append(running)
        return running

    yield start
    for running in started:
        await running.close()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a gateway with the settings given."""
    async for start in _starting(start_gateway):
        yield start


@pytest.fixture(params=[start_gateway, start_bare_app], ids=["gateway", "bare-app"])
async def start_anyhow(request: pytest.FixtureRequest) -> AsyncIterator[Start]:
    """The same, both in its own way and as a bare aiohttp application."""
    async for start in _starting(request.param):
        yield start
