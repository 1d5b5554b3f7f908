"""Refused handshakes."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from poller.network.handshake import RefusedError, stream_session


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """Upgrades at ``/ws``, refuses elsewhere with a page, a short one or one that does not end."""
    app = web.Application()

    async def upgrade(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hello")
        await socket.close()
        return socket

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=403, text="<title>Forbidden</title>", headers={"Retry-After": "7"})

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=503)
        await response.prepare(request)
        while request.transport is not None:
            await response.write(b"x" * 4096)
        return response

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=502, headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"bad gate")
        assert request.transport is not None
        request.transport.close()
        return response

    app.router.add_get("/ws", upgrade)
    app.router.add_get("/refuse", refuse)
    app.router.add_get("/endless", endless)
    app.router.add_get("/cut", cut)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0)
    yield server
    await server.close()


async def test_an_upgrade_is_a_connection(server: TestServer) -> None:
    """A good handshake works as with aiohttp's own session."""
    async with stream_session() as session, session.ws_connect(server.make_url("/ws")) as socket:
        assert "hello" == await socket.receive_str()


async def test_a_refusal_keeps_what_was_said(server: TestServer) -> None:
    """A refusal has status, headers and body."""
    async with stream_session() as session:
        with pytest.raises(RefusedError) as caught:
            await session.ws_connect(server.make_url("/refuse"))
    refused = caught.value
    assert isinstance(refused, aiohttp.ClientError)
    assert (403, b"<title>Forbidden</title>", "7") == (refused.status, refused.body, refused.headers["Retry-After"])


@pytest.mark.parametrize(("path", "status", "begins"), [("/endless", 503, b"xxx"), ("/cut", 502, b"bad gate")])
async def test_a_body_has_an_end(server: TestServer, path: str, status: int, begins: bytes) -> None:
    """An endless body is cut off, and of a broken one the received part is kept."""
    async with stream_session() as session:
        with pytest.raises(RefusedError) as caught:
            await session.ws_connect(server.make_url(path))
    assert status == caught.value.status
    assert caught.value.body.startswith(begins)
    assert len(caught.value.body) < 1 << 20
