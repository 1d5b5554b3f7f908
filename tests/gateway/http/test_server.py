"""An application on its sockets: what reaches aiohttp through the acceptor, and what is said of what is wrong."""

import asyncio
import contextlib
import logging
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import connect

from bench.clients.wire import CLOSE, client_frame, upgrade_request
from gateway.app import create_app
from gateway.auth.settings import AuthSettings
from gateway.http.routes import GATEWAY
from gateway.http.server import Serving
from gateway.settings import Settings
from market.settings.environ import SettingError
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import HOST, Start, ask
from tests.waiting import until

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)
MARK = "hunter2hunter2"


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged above INFO, but that there is no poller."""
    records = (record for record in caplog.records if record.name != "gateway.fanout.feed.feed")
    return [record.getMessage() for record in records if record.levelno > logging.INFO]


async def test_one_connection_serves_one_request_after_the_other(start: Start) -> None:
    """Keep-alive and pipelining work through the acceptor, for pages, probes and what is not there."""
    running = await start()
    one = "GET /{} HTTP/1.1\r\nHost: x\r\n{}\r\n"
    paths = ("healthz", "", "nothing", "web/app.js", "readyz")
    request = "".join(one.format(path, "Connection: close\r\n" if path == "readyz" else "") for path in paths)
    answer = await ask(running, request.encode())
    # Split at heads, of which each body could hold none.
    statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert [200, 200, 404] == statuses[:3]
    assert (5, 200) == (len(statuses), statuses[-1])


async def test_a_body_in_pieces_reaches_its_handler(start: Start) -> None:
    """What follows the head goes where the head went, however late, and the next request is understood."""
    running = await start(auth=JWT)
    bearer = token("HS256", SECRET)
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(f"POST /v1/ticket HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n".encode())
    await until(lambda: running.gateway.feed.ready)
    writer.write(b"Content-Length: 10\r\n\r\nhello")
    async with asyncio.timeout(10):
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")
        writer.write(b"world")
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        f"GET /{MARK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MARK}\x01\r\n\r\n",
        f"GET /ws?token={MARK}\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET http://{MARK}:99999/ HTTP/1.1\r\nHost: x\r\n\r\n",
        f"{MARK}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 100 + f"Authorization: {MARK}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{MARK}\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /ws?token={MARK}\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_a_wrong_request_is_answered_in_silence(
    start: Start, caplog: pytest.LogCaptureFixture, request_: str
) -> None:
    """Nothing of it is said again: not to who sent it, not in the log, which has no more than a debug line."""
    caplog.set_level(logging.DEBUG)
    running = await start()
    answer = await ask(running, request_.encode())
    expected = b" 413 " if "chunked" in request_ else b" 431 " if request_.count("X: y") > 64 else b" 400 Bad Request"
    assert expected in answer
    assert MARK.encode() not in answer
    assert MARK not in caplog.text
    assert [] == complaints(caplog)


async def test_a_body_that_cannot_be_unpacked_is_nobodys_fault_but_its_senders(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody reads it, so nobody unpacks it; the answer is the one to any other body."""
    running = await start()
    head = b"POST /v1/ticket HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    packed = b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    assert b" 404 " in await ask(running, head + packed)
    assert [] == complaints(caplog)


async def test_a_fault_of_our_own_is_answered_with_500_and_logged_without_the_request(
    start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crash report has the traceback; token and ticket of the request are not in it."""
    running = await start(auth=JWT)

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("of our own")

    monkeypatch.setattr(running.gateway.tickets, "redeem", broken)
    monkeypatch.setattr(running.gateway.tickets, "issue", broken)
    bearer = token("HS256", SECRET)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {bearer}"}) as http:
        for method, path in (("POST", "v1/ticket"), ("GET", f"ws?ticket={MARK}")):
            with caplog.at_level(logging.DEBUG):
                async with http.request(method, running.http_url + path, headers=UPGRADE) as response:
                    assert response.status == 500
                    assert "ZeroDivisionError" not in await response.text()
    assert "ZeroDivisionError: of our own" in caplog.text
    assert all(secret not in caplog.text for secret in (MARK, *bearer.split(".")))
    assert (0, 0) == (len(running.gateway.admission._addresses), len(running.gateway.admission._subjects))


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def test_http_connections_count_under_their_address_until_they_end(start: Start) -> None:
    """Also those that never become a WebSocket; one too many is told so before it asks."""
    running = await start(spare_loopback=False, max_connections_per_ip=2)
    streams = [await asyncio.open_connection(running.host, running.port) for _ in range(2)]
    streams[0][1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await streams[0][0].readuntil(b"}")
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(running.host, running.port)
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 429 ")
        writer.close()
    for _, stream in streams:
        stream.close()
    await until(lambda: len(running.gateway.admission._addresses) == 0)
    async with connect(running.url):
        assert 1 == running.gateway.admission._addresses[HOST]
    await until(lambda: len(running.gateway.admission._addresses) == 0)


async def test_who_is_silent_is_cut_off(start: Start) -> None:
    """On a real socket: no head in time, and the connection is gone and counted."""
    running = await start(handshake_timeout_s=0.1)
    async with connect(running.url) as client:
        assert b"" == await ask(running, b"GET /ws HTTP/1.1\r\n")
        assert 1 == running.gateway.counters.handshakes_cut_off
        await client.ping()


async def test_the_head_of_a_second_request_may_not_take_for_ever(start: Start) -> None:
    """A connection that is kept alive is no way around the time for a head, not by drops either."""
    running = await start(handshake_timeout_s=0.2)
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        await reader.readuntil(b"}")
        writer.write(b"GET /")
        # There is no event for the end of what one only writes to; it is a reset where something was on its way.
        while not reader.at_eof() and reader.exception() is None:
            writer.write(b"x")
            await asyncio.sleep(0.01)
    writer.close()
    assert 1 == running.gateway.counters.handshakes_cut_off


async def test_closing_ends_everybody(start: Start) -> None:
    """Clients by 1012; who has sent half a request, or may send another, by the end of the connection; all tasks go."""
    before = asyncio.all_tasks()
    running = await start()
    half_reader, half = await asyncio.open_connection(running.host, running.port)
    half.write(b"GET /ws")
    idle_reader, idle = await asyncio.open_connection(running.host, running.port)
    idle.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await idle_reader.readuntil(b"}")
    async with connect(running.url) as client, asyncio.timeout(10):
        await running.close()
        await client.wait_closed()
        assert 1012 == client.close_code
        assert b"" == await half_reader.read(-1)
        assert b"" == await idle_reader.read(-1)
        with pytest.raises(OSError, match=r"[Cc]onnect"):
            await asyncio.open_connection(running.host, running.port)
    half.close()
    idle.close()
    await until(lambda: asyncio.all_tasks() == before)


async def test_what_is_left_to_a_successor_is_not_accepted_and_nobody_is_lost(start: Start) -> None:
    """The socket is the other's from then on; who was accepted before comes in and stays, idle connections end."""
    with socket.create_server((HOST, 0)) as shared, contextlib.ExitStack() as sockets:
        # As another process has it.
        other = sockets.enter_context(shared.dup())
        address = shared.getsockname()
        serving = Serving(create_app(Settings(bus_url="memory://")))
        await serving.start()
        await serving.listen(sock=shared)
        half_reader, half = await asyncio.open_connection(*address)
        handshake = upgrade_request(*address)
        half.write(handshake[:40])
        idle_reader, idle = await asyncio.open_connection(*address)
        idle.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await idle_reader.readuntil(b"}")
        gateway = serving.app[GATEWAY]
        async with connect(f"ws://{address[0]}:{address[1]}/ws") as client:
            await until(lambda: gateway.arriving() == 2)
            serving.leave_to_successor()
            async with asyncio.timeout(10):
                assert b"" == await idle_reader.read(-1)
            late = sockets.enter_context(socket.create_connection(address, timeout=10))
            other.settimeout(10)
            accepted, _ = await asyncio.to_thread(other.accept)
            accepted.close()
            assert b"" == late.recv(1)
            assert (1, 1) == (len(gateway.hub), gateway.arriving())
            half.write(handshake[40:])
            async with asyncio.timeout(10):
                assert b" 101 " in await half_reader.readuntil(b"\r\n\r\n")
            await client.ping()
            assert (2, 0) == (len(gateway.hub), gateway.arriving())
            half.write(client_frame(CLOSE, b""))
            await serving.close()
        half.close()
        idle.close()


async def test_what_cannot_start_leaves_nothing(start: Start) -> None:
    """A setting that only shows to be wrong at the start is an error of `start`, and closing after it is no other."""
    serving = Serving(create_app(Settings(bus_url="memory://", auth=AuthSettings(mode="jwt"))))
    with pytest.raises(Exception, match=r"^AUTH_MODE jwt needs exactly one of"):
        await serving.start()
    await serving.close()


@pytest.mark.parametrize("settings", [{}, {"allow_anonymous": True}, {"auth": JWT}], ids=["none", "anonymous", "jwt"])
async def test_where_strangers_reach_it_only_who_means_it_listens(settings: dict[str, Any]) -> None:
    """Whoever made the socket and whatever GATEWAY_HOST says, as with gunicorn's `--bind`."""
    serving = Serving(create_app(Settings(bus_url="memory://", **settings)))
    await serving.start()
    with socket.create_server(("0.0.0.0", 0)) as public:  # noqa: S104 - that is the point
        port = public.getsockname()[1]
        try:
            if settings:
                await serving.listen(sock=public)
                async with asyncio.timeout(10):
                    reader, writer = await asyncio.open_connection(HOST, port)
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert b" 200 " in await reader.readline()
                    writer.close()
            else:
                with pytest.raises(SettingError, match=r"^0\.0\.0\.0 is not loopback .* ALLOW_ANONYMOUS=1 [^\n]*$"):
                    await serving.listen(sock=public)
                assert not any(server.is_serving() for server in serving._servers)
        finally:
            await serving.close()


async def test_two_listeners_serve_one_application() -> None:
    """As a worker of gunicorn with several sockets does."""
    serving = Serving(create_app(Settings(bus_url="memory://")))
    await serving.start()
    for _ in range(2):
        await serving.listen(host=HOST, port=0)
    ports = [server.sockets[0].getsockname()[1] for server in serving._servers]
    try:
        async with connect(f"ws://{HOST}:{ports[0]}/ws"), connect(f"ws://{HOST}:{ports[1]}/ws"):
            assert 2 == len(serving.app[GATEWAY].hub)
    finally:
        await serving.close()
    assert isinstance(serving.app, web.Application)


@pytest.mark.parametrize("host", ["::", "0::0"])
async def test_every_address_is_listened_on_in_both_families(host: str) -> None:
    """As gunicorn does with the same GATEWAY_HOST."""
    serving = Serving(create_app(Settings(bus_url="memory://", allow_anonymous=True)))
    await serving.start()
    try:
        await serving.listen(host=host, port=0, backlog=100)
        port = serving._servers[0].sockets[0].getsockname()[1]
        for client, name in (("127.0.0.1", f"127.0.0.1:{port}"), ("::1", f"[::1]:{port}")):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(client, port)
                writer.write(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                assert b" 200 " in await reader.readline()
                writer.close()
            async with connect(f"ws://{name}/ws"):
                pass
    finally:
        await serving.close()


async def test_a_connection_is_kept_for_as_long_as_is_set(start: Start) -> None:
    """An idle one ends after KEEPALIVE_S, and not before; with another setting, another time."""
    running = await start(keepalive_s=0.2, handshake_timeout_s=20)
    answer = await ask(running, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in answer
    assert b"close" not in answer
    assert 75 == Settings().keepalive_s


async def test_a_head_that_is_on_its_way_is_waited_for_past_the_idle_time(start: Start) -> None:
    """Who has begun a request in time may finish it in the time for that."""
    running = await start(keepalive_s=0.2, handshake_timeout_s=20)
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HT")
    async with asyncio.timeout(10):
        await reader.readuntil(b"}")
        [handler] = running.requests
        await until(lambda: handler._keepalive_handle is None)
        writer.write(b"TP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"}")
    writer.close()
