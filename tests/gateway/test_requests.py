"""What a stranger may do with plain HTTP requests: on real sockets, each connection ends, and nothing stays."""

import asyncio
import contextlib
import logging
import socket

import pytest

from gateway.auth.settings import AuthSettings
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import RunningGateway, Start, ask
from tests.waiting import until

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)
NOT_A_URL = b"GET http://xn--a/ HTTP/1.1\r\nHost: x\r\n\r\n"
METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
PAGE = b"GET /web/style.css HTTP/1.1\r\nHost: x\r\n\r\n"


async def ask_and_never_read(running: RunningGateway, request: bytes) -> socket.socket:
    """A client that asks for more than all buffers on the way hold, and reads nothing."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setblocking(False)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await loop.sock_connect(client, (running.host, running.port))
    client.send(request * 2000)
    await until(lambda: len(running.requests) > 0)
    return client


@pytest.mark.parametrize("more", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 200, b"x" * 1_000_000])
async def test_a_target_that_is_no_url_ends_the_connection(
    start: Start, caplog: pytest.LogCaptureFixture, more: bytes
) -> None:
    """It passes the parser, and fails in what aiohttp does before any handler; nothing is left, and nothing logged."""
    running = await start(spare_loopback=False)
    # What it had sent and nobody read makes the end a reset.
    with contextlib.suppress(ConnectionError):
        assert b"200 OK" not in await ask(running, NOT_A_URL + more)
    await until(lambda: running.requests == [] and len(running.gateway.entrance._addresses) == 0)
    assert {"bad_request": 1} == running.gateway.counters.connections_refused
    assert [] == [record for record in caplog.records if record.levelno > logging.WARNING]


@pytest.mark.parametrize("request_", [METRICS, PAGE], ids=["body", "file"])
async def test_who_reads_no_answers_is_cut_off(start: Start, monkeypatch: pytest.MonkeyPatch, request_: bytes) -> None:
    """Also one that has said it will send no more, which nobody hears while its answers wait."""
    monkeypatch.setattr("gateway.requests.UNREAD_S", 0.2)
    running = await start()
    clients = [await ask_and_never_read(running, request_) for _ in range(2)]
    clients[0].shutdown(socket.SHUT_WR)
    await until(lambda: running.requests == [])
    for client in clients:
        client.close()


async def test_who_reads_in_time_gets_every_answer(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the standstill that counts, not how long all of it takes."""
    monkeypatch.setattr("gateway.requests.UNREAD_S", 5)
    running = await start()
    reader, writer = await asyncio.open_connection(running.host, running.port, limit=1 << 24)
    writer.write(PAGE * 300 + PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    async with asyncio.timeout(30):
        assert 301 == (await reader.read(-1)).count(b"HTTP/1.1 200 OK")
    writer.close()


@pytest.mark.parametrize("expect", [b"100-continue", b"the impossible", b"\xff", b"x\r\nExpect: y"])
async def test_expectations_are_overlooked(start: Start, caplog: pytest.LogCaptureFixture, expect: bytes) -> None:
    """The answer is the one that it would be without, for what is there and for what is not."""
    running = await start()
    for path, status in ((b"healthz", b" 200 "), (b"nothing", b" 404 ")):
        head = b"GET /" + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: " + expect + b"\r\n\r\n"
        answer = await ask(running, head)
        assert status in answer.partition(b"\r\n")[0]
        assert b"417" not in answer
    assert [] == [record for record in caplog.records if record.levelno > logging.WARNING]


async def test_no_expectation_shows_an_answer_to_a_foreign_page(start: Start) -> None:
    """Who asks is looked at first."""
    running = await start(auth=JWT)
    head = f"POST /v1/ticket HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token('HS256', SECRET)}"
    answer = await ask(running, f"{head}\r\nOrigin: http://evil.example\r\nExpect: x\r\n\r\n".encode())
    assert b" 403 " in answer.partition(b"\r\n")[0]
    assert b"evil" not in answer


async def test_what_follows_a_wrong_request_is_not_even_looked_at(start: Start) -> None:
    """One answer, one error in memory, however much comes before the end."""
    running = await start()
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: len(running.requests) == 1)
    [handler] = running.requests
    for _ in range(100):
        handler.data_received(b"x" * 65536)
    assert len(handler._messages) <= 2
    async with asyncio.timeout(10):
        answer = await reader.read(-1)
    assert (1, 1) == (answer.count(b" 200 OK"), answer.count(b" 431 "))
    writer.close()


@pytest.mark.parametrize("head", ["POST /v1/ticket", "GET /"])
async def test_the_end_waits_for_nobody(start: Start, head: str) -> None:
    """Not for a body that never comes, and not for who never reads; a drain that is over is over."""
    running = await start()
    unread = await ask_and_never_read(running, METRICS)
    await until(lambda: running.requests[0]._paused)
    _, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(f"{head} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode())
    await until(lambda: len(running.requests) == 2)
    # It would be two minutes, and ten seconds.
    async with asyncio.timeout(8):
        await running.close()
    writer.close()
    unread.close()
