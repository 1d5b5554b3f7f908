"""Is Binance there?"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.ports import free_port
from poller.sources import auto


@pytest.fixture
async def exchange() -> AsyncIterator[TestServer]:
    """Something that answers pings, with the status that its path names, or never."""
    app = web.Application()

    async def ping(request: web.Request) -> web.Response:
        if request.match_info["status"] == "silent":
            await asyncio.Event().wait()
        return web.json_response({}, status=int(request.match_info["status"]), headers={"Location": "/200"})

    app.router.add_get("/{status}/api/v3/ping", ping)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0)
    yield server
    await server.close()


async def test_reachable(exchange: TestServer) -> None:
    """An exchange that answers its ping is reachable."""
    assert await auto.unreachable(str(exchange.make_url("/200"))) is None


@pytest.mark.parametrize("status", [302, 403, 418, 451, 503])
async def test_refusing(exchange: TestServer, status: int) -> None:
    """One that answers anything else is not, and why is told."""
    assert f"HTTP {status}" == await auto.unreachable(str(exchange.make_url(f"/{status}")))


async def test_silent(exchange: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes the question and never answers is given up in time."""
    assert 5 == auto.PROBE_TIMEOUT_S
    monkeypatch.setattr(auto, "PROBE_TIMEOUT_S", 0.2)
    assert "no answer within 0.2 s" == await auto.unreachable(str(exchange.make_url("/silent")))


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_nobody_there(host: str) -> None:
    """Where nobody listens, or no such host is known, the answer is no."""
    assert await auto.unreachable(f"http://{host}:{free_port()}")
