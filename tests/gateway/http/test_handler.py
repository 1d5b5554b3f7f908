"""What a stranger may do with plain HTTP requests: on real sockets, each connection ends, and nothing stays."""

import asyncio
import contextlib
import logging
import socket
from typing import Any

import pytest

from gateway.admission.origin import AllowedHosts
from gateway.auth.settings import AuthSettings
from gateway.http.handler import Requests
from tests.client_frames import FIN, TEXT, client_frame
from tests.gateway.auth.tokens import SECRET
from tests.gateway.conftest import RunningGateway, Start, ask, stop_the_clock
from tests.waiting import until

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)
NOT_A_URL = b"GET http://xn--a/ HTTP/1.1\r\nHost: x\r\n\r\n"
METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
PAGE = b"GET /web/prices/prices.css HTTP/1.1\r\nHost: x\r\n\r\n"


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
    await until(lambda: running.requests == [] and len(running.gateway.admission._addresses) == 0)
    assert {"bad_request": 1} == running.gateway.counters.connections_refused
    assert [] == [record for record in caplog.records if record.levelno > logging.WARNING]


@pytest.mark.parametrize("request_", [METRICS, PAGE], ids=["body", "file"])
async def test_who_reads_no_answers_is_cut_off(start: Start, request_: bytes) -> None:
    """Also one that has said it will send no more, which nobody hears while its answers wait."""
    running = await start(lag_timeout_s=0.2)
    clients = [await ask_and_never_read(running, request_) for _ in range(2)]
    clients[0].shutdown(socket.SHUT_WR)
    await until(lambda: running.requests == [])
    for client in clients:
        client.close()


async def test_who_reads_in_time_gets_every_answer(start: Start) -> None:
    """It is the standstill that counts, not how long all of it takes."""
    running = await start(lag_timeout_s=5)
    reader, writer = await asyncio.open_connection(running.host, running.port, limit=1 << 24)
    writer.write(PAGE * 300 + PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    async with asyncio.timeout(30):
        assert 301 == (await reader.read(-1)).count(b"HTTP/1.1 200 OK")
    writer.close()


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
    await until(lambda: bool(running.requests) and running.requests[0]._paused)
    _, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(f"{head} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode())
    await until(lambda: len(running.requests) == 2)
    # It would be two minutes, and ten seconds.
    async with asyncio.timeout(8):
        await running.close()
    writer.close()
    unread.close()


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
WEBSOCKET = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: upgrade\r\nUpgrade: h2c, websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PING = client_frame(FIN | TEXT, b'{"type":"ping","id":77}')


def statuses(answer: bytes) -> list[int]:
    """Of all answers in what came, bodies of JSON between them."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("before", [0, 1, 40])
async def test_who_is_refused_in_the_middle_hears_why_after_all_answers_before(start: Start, before: int) -> None:
    """Also one that goes on sending meanwhile: it is heard out for a while, so that no reset overtakes the answer."""
    running = await start()
    large = b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000
    answer = await ask(running, HEALTH * before + large)
    assert [200] * before + [431] == statuses(answer)
    assert b'"code":"too_large"}' in answer
    assert {"too_large": 1} == running.gateway.counters.connections_refused


async def test_who_never_stops_sending_is_cut_off(start: Start) -> None:
    """The answer is there; what follows is thrown away, and not for ever."""
    running = await start()
    _, writer = await asyncio.open_connection(running.host, running.port)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
    await until(lambda: running.requests == [])
    writer.transport.abort()


async def test_what_an_address_pays_for_counts_for_later_requests_too(start: Start) -> None:
    """One connection may take half; then it hears 429, behind what it was answered before, and ends."""
    running = await start(spare_loopback=False, max_request_rate_per_ip=10)
    stop_the_clock(running)
    answer = await ask(running, PAGE.replace(b"/web/prices/prices.css", b"/nothing") * 50)
    assert [404] * 10 + [429] == statuses(answer)
    assert b"Retry-After: 1\r\n" in answer
    assert [200] * 3 == statuses(await ask(running, HEALTH * 2 + HEALTH[:-2] + b"Connection: close\r\n\r\n"))
    assert {"requests": 1} == running.gateway.counters.connections_refused


@pytest.mark.parametrize("count", [1, 3, 100])
async def test_who_finishes_sending_gets_every_answer(start: Start, count: int) -> None:
    """Then the connection ends; one that has finished in the middle of a request, or before it, is left."""
    running = await start(keepalive_s=60, handshake_timeout_s=60)
    for rest in (b"", b"GET /hea", b"POST /v1/ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"):
        reader, writer = await asyncio.open_connection(running.host, running.port)
        writer.write(HEALTH * count + rest)
        writer.write_eof()
        async with asyncio.timeout(10):
            heard = statuses(await reader.read(-1))
        assert [200] * count == heard[:count]
        assert len(heard) <= count + 1
        writer.close()
    for begun in (b"", b"GET /healthz", b"\r\n"):
        reader, writer = await asyncio.open_connection(running.host, running.port)
        writer.write(begun)
        writer.write_eof()
        async with asyncio.timeout(10):
            assert b"" == await reader.read(-1)
        writer.close()
    await until(lambda: running.requests == [])


@pytest.mark.parametrize("turns", range(6))
async def test_who_finishes_later_is_not_waited_for(start: Start, turns: int) -> None:
    """An idle connection whose client sends no more has no use, and so has one about to be idle."""
    running = await start(keepalive_s=60)
    for _ in range(20):
        reader, writer = await asyncio.open_connection(running.host, running.port)
        writer.write(HEALTH)
        async with asyncio.timeout(10):
            await reader.readuntil(b"}")
            for _ in range(turns):
                await asyncio.sleep(0)
            writer.write_eof()
            assert b"" == await reader.read(-1)
        writer.close()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_who_finishes_around_its_answer_is_not_waited_for(
    start: Start, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """At the last moment before it is written, and at the first after it, when nobody waits for a request yet."""
    running = await start(keepalive_s=60)
    answer = Requests.finish_response

    async def end_and_answer(self: Requests, *args: Any) -> Any:
        if when == "before":
            assert self.eof_received()
        answered = await answer(self, *args)
        if when == "after":
            assert self.eof_received()
        return answered

    monkeypatch.setattr(Requests, "finish_response", end_and_answer)
    assert [200] == statuses(await ask(running, HEALTH))


@pytest.mark.parametrize("before", [0, 1, 3])
async def test_who_finishes_behind_a_handshake_hears_that_it_is_refused(start: Start, before: int) -> None:
    """And what else it has asked for; a page that is asked for as a WebSocket is none; nobody begins to talk alone."""
    running = await start(keepalive_s=60, auth=JWT, allowed_hosts=AllowedHosts.parse("x", only_loopback=False))
    refused = (
        (WEBSOCKET.replace(b"Version: 13", b"Version: 8"), 426),
        (WEBSOCKET.replace(b"Host: x", b"Host: y"), 403),
        (WEBSOCKET.replace(b"GET /ws", b"GET /ws?ticket=none"), 401),
        (WEBSOCKET.replace(b"GET /ws", b"GET /"), 404),
        (WEBSOCKET.replace(b"Sec", b"Authorization: Bearer x\r\nSec", 1), 401),
    )
    for handshake, status in refused:
        for behind in ([], [200, 200]):
            reader, writer = await asyncio.open_connection(running.host, running.port)
            writer.write(HEALTH * before + handshake + HEALTH * len(behind))
            writer.write_eof()
            async with asyncio.timeout(10):
                heard = statuses(await reader.read(-1))
            writer.close()
            assert [200] * before + [status] == heard[: before + 1]
            assert heard[before + 1 :] == ([] if status == 401 else behind)
    await until(lambda: running.requests == [])
    assert len(running.gateway.hub) == 0


@pytest.mark.parametrize("before", [0, 1, 3])
async def test_what_follows_a_handshake_is_never_read_as_http(start: Start, before: int) -> None:
    """However its headers list the upgrade, and whether it comes first or later."""
    running = await start()
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(HEALTH * before + WEBSOCKET + PING)
    async with asyncio.timeout(10):
        await reader.readuntil(b"HTTP/1.1 101 ")
        await reader.readuntil(b'"id":77}')
    writer.close()
    await until(lambda: len(running.gateway.hub) == 0)


@pytest.mark.parametrize("before", [0, 1, 3])
async def test_what_follows_a_refused_handshake_is_read_as_http(start: Start, before: int) -> None:
    """In its turn, and by the same limits."""
    running = await start()
    refused = WEBSOCKET.replace(b"Version: 13", b"Version: 8")
    last = HEALTH[:-2] + b"X: y\r\n" * 64 + b"\r\n"
    answer = await ask(running, HEALTH * before + refused + HEALTH * 2 + refused + last)
    assert [200] * before + [426, 200, 200, 426, 431] == statuses(answer)


async def test_a_body_ends_where_its_length_says(start: Start) -> None:
    """What follows is the next request, however it is cut."""
    running = await start()
    post = b"POST /v1/ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n" + HEALTH.ljust(40, b"x")
    stream = post * 3 + HEALTH[:-2] + b"Connection: close\r\n\r\n"
    for size in (1, 7, 50, len(stream)):
        reader, writer = await asyncio.open_connection(running.host, running.port)
        for start_ in range(0, len(stream), size):
            writer.write(stream[start_ : start_ + size])
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert [404, 404, 404, 200] == statuses(await reader.read(-1))
        writer.close()
