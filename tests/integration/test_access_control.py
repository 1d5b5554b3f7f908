"""Who may come in, straight and through HAProxy: the same rules for the first request and for later ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from deploy.launcher.programs import find_haproxy
from deploy.ports import free_port
from deploy.process.processes import Process
from gateway.admission.address import TrustedProxies
from gateway.admission.request.head import MAX_BODY_BYTES, MAX_FIELDS, MAX_HEAD_BYTES
from gateway.auth.settings import AuthSettings
from market.process.tasks import end
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import HOST, RunningGateway, start_gateway
from tests.integration.stacks import GATEWAY_COUNT, answers, environment

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

ADDED = b"x-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n"
"""By HAProxy, on the way to the gateway."""
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)


class AccessControl:
    """A gateway, and HAProxy in front of it."""

    def __init__(self, running: RunningGateway, proxied_port: int, log: list[str]) -> None:
        self.running = running
        self.log = log
        """HAProxy's."""
        self.ports = {"straight": running.port, "through HAProxy": proxied_port}


@asynccontextmanager
async def access_control(**settings: object) -> AsyncIterator[AccessControl]:
    """One that is open."""
    running = await start_gateway(**({"trusted_proxies": TrustedProxies.parse(HOST)} | settings))
    log: list[str] = []
    port = free_port()
    gateways = {f"TICKGATE_GATEWAY_{number}": f"{HOST}:{running.port}" for number in range(1, GATEWAY_COUNT + 1)}
    variables = {"TICKGATE_BIND": f"{HOST}:{port}", "TICKGATE_STATS_BIND": f"{HOST}:{free_port()}"}
    command = (str(find_haproxy()), "-db", "-f", "haproxy.cfg")
    haproxy = Process(
        "haproxy", command, env=environment(**variables, **gateways), say=lambda _name, line: log.append(line)
    )
    beating = asyncio.create_task(_beat(running))
    try:
        await haproxy.start()
        await answers(f"http://{HOST}:{port}/readyz", 200)
        yield AccessControl(running, port, log)
    finally:
        await end(beating)
        await haproxy.stop(10)
        await running.close()


async def _beat(running: RunningGateway) -> None:
    """A gateway that hears nothing for long takes itself out of service, and a crowd may take long."""
    while True:
        await running.heartbeat()
        await asyncio.sleep(1)


async def ask(port: int, *requests: bytes, finished: bool = False) -> list[tuple[int, bytes]]:
    """Send one request after the other on one connection; status and body of each answer."""
    reader, writer = await asyncio.open_connection(HOST, port)
    heard = []
    try:
        async with asyncio.timeout(20):
            for request in requests:
                writer.write(request)
                if finished:
                    writer.write_eof()
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                heard.append((int(head.split()[1]), await reader.readexactly(int(length or 0))))
    finally:
        writer.close()
    return heard


PLAIN = b"GET /web/icon.svg HTTP/1.1\r\nHost: x\r\n\r\n"


def sized(start: bytes, size: int) -> bytes:
    """A head that begins with ``start`` and has so many bytes, most of them cookies."""
    return (start + b"Cookie: a=").ljust(size - 4, b"b") + b"\r\n\r\n"


@pytest.mark.parametrize("is_second", [False, True], ids=["first", "second"])
async def test_a_head_has_the_same_limits_wherever_it_comes(is_second: bool) -> None:
    """Bytes and fields, of plain requests and of handshakes: the limit passes, one more is 431 with the reason."""
    before = (PLAIN,) * is_second
    async with access_control() as here:
        for way, port in here.ports.items():
            added = ADDED if port != here.running.port else b""
            for start, well in (
                (b"GET /web/icon.svg HTTP/1.1\r\nHost: x\r\n", 200),
                (b"GET /ws HTTP/1.1\r\nHost: x\r\n" + UPGRADE, 101),
            ):
                for size, status in (
                    (10_240, well),
                    (MAX_HEAD_BYTES - 1, well),
                    (MAX_HEAD_BYTES, well),
                    (MAX_HEAD_BYTES + 1, 431),
                ):
                    seen, body = (await ask(port, *before, sized(start, size - len(added))))[-1]
                    assert (status, way, size) == (seen, way, size)
                    if status == 431:
                        assert "too_large" == orjson.loads(body)["code"]
                for fields, status in ((MAX_FIELDS - 1, well), (MAX_FIELDS, well), (MAX_FIELDS + 1, 431), (90, 431)):
                    more = fields - start.count(b"\r\n") + 1 - added.count(b"\r\n")
                    seen, body = (await ask(port, *before, start + b"X: y\r\n" * more + b"\r\n"))[-1]
                    assert (status, way, fields) == (seen, way, fields)


async def test_one_line_may_be_all_but_the_whole_head() -> None:
    """A long target, a long header: neither has a limit of its own, and a token of 8 KB fits in both."""
    async with access_control() as here:
        for port in here.ports.values():
            target = b"GET /web/icon.svg?token=" + b"x" * 12_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
            field = b"GET /web/icon.svg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"x" * 13_000 + b"\r\n\r\n"
            assert [200, 200, 200, 200] == [status for status, _ in await ask(port, target, field, field, target)]


async def test_a_body_has_the_same_limit_wherever_it_comes() -> None:
    """What is longer, or does not say how long it is, is 413."""
    async with access_control(auth=JWT) as here:
        bearer = f"Authorization: Bearer {token('HS256', SECRET)}\r\n".encode()
        start = b"POST /v1/ticket HTTP/1.1\r\nHost: x\r\n" + bearer
        small = start + f"Content-Length: {MAX_BODY_BYTES}\r\n\r\n".encode() + b"x" * MAX_BODY_BYTES
        large = start + f"Content-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode() + b"x" * (MAX_BODY_BYTES + 1)
        chunked = start + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
        for port in here.ports.values():
            for wrong in (large, chunked):
                assert [200, 200, 413] == [status for status, _ in await ask(port, small, small, wrong)]
                assert 413 == (await ask(port, wrong))[0][0]


async def test_upgrade_headers_may_come_as_lists() -> None:
    """In one line or several, first on a connection or later: each of these is a handshake, and is accepted."""
    key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    lists = (
        b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n",
        b"Connection: keep-alive\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n",
    )
    async with access_control() as here:
        for port in here.ports.values():
            for lines in lists:
                handshake = b"GET /ws HTTP/1.1\r\nHost: x\r\n" + lines + key + b"\r\n"
                assert [101] == [status for status, _ in await ask(port, handshake)], lines
                assert [200, 101] == [status for status, _ in await ask(port, PLAIN, handshake)], lines


async def test_who_has_sent_all_still_gets_its_answer() -> None:
    """A client may close its half and read, as `curl` and `nc -N` do."""
    async with access_control(auth=JWT) as here:
        bearer = f"Authorization: Bearer {token('HS256', SECRET)}\r\n\r\n".encode()
        for port in here.ports.values():
            for request in (PLAIN, b"POST /v1/ticket HTTP/1.1\r\nHost: x\r\n" + bearer):
                assert 200 == (await ask(port, request, finished=True))[0][0]


async def test_through_haproxy_each_client_pays_for_itself() -> None:
    """Who asks too often hears 429; another behind the same HAProxy does not."""
    async with access_control(max_request_rate_per_ip=5, spare_loopback=False) as here:
        port = here.ports["through HAProxy"]

        async def statuses(source: str, count: int) -> list[int]:
            heard = []
            for _ in range(count):
                reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
                writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                heard.append(int((await reader.readuntil(b"\r\n")).split()[1]))
                await reader.read(-1)
                writer.close()
            return heard

        heard = await statuses("127.0.0.2", 60)
        # No handshake, which is a request as any other.
        assert {426, 429} == set(heard)
        assert [426] * 10 == heard[:10]
        assert [426] * 5 == await statuses("127.0.0.3", 5)
        # HAProxy's own questions are nobody's.
        await answers(f"http://{HOST}:{port}/readyz", 200)


async def until_the_end(port: int, request: bytes) -> tuple[list[int], bool]:
    """The status of each answer to ``request``, and whether the connection ended within a few seconds after them."""
    reader, writer = await asyncio.open_connection(HOST, port)
    heard = b""
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            while part := await reader.read(65_536):
                heard += part
        ended = True
    except TimeoutError:
        ended = False
    finally:
        writer.transport.abort()
    return [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()], ended


async def test_bytes_that_are_no_request_are_answered_at_once() -> None:
    """With 400, and the end of the connection; never with silence until a timeout."""
    wrong = (
        *(b"\0", b"\0" * 500, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 500, b"\r\r", b"\xff\xfe"),
        *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", b"hello\r\n", b"SSH-2.0-x\r\n", b"GET /\r\n"),
        *(b" GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\rHost: x\r\r", b"GET / RTSP/1.0\r\n\r\n"),
        *(b"GET / HTTP/1.1\r\nno field\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n"),
    )
    async with access_control() as here:
        cases = [(request, port) for request in wrong for port in here.ports.values()]
        heard = await asyncio.gather(*(until_the_end(port, request) for request, port in cases))
        assert [] == [(*case, answer) for case, answer in zip(cases, heard, strict=True) if answer != ([400], True)]


async def test_a_beginning_that_becomes_no_request_is_answered_at_once() -> None:
    """By the gateway, with 400; HAProxy waits for the end of a line. What may become a request is waited for."""
    async with access_control() as here:
        port = here.ports["straight"]
        for begun in (b"hello", b"EHLO x", b"{", b"\r\n\r\n", b"\n\r", PLAIN + b"\r\n\r\n", PLAIN + b"get"):
            answers, ended = await until_the_end(port, begun)
            assert ([200] * begun.startswith(PLAIN) + [400], True) == (answers, ended), begun
        for begun in (b"GE", b"\r", b"\r\n", PLAIN + b"\r\nPOS"):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(begun)
                if begun.startswith(PLAIN):
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await reader.read(1)
            finally:
                writer.transport.abort()


async def test_lines_may_end_with_a_single_lf_and_begin_behind_empty_ones() -> None:
    """As RFC 9112, section 2.2, lets a server read them: the same answers as with CRLF, one for each request."""
    request = b"GET /web/app.js HTTP/1.1\r\nHost: x\r\n\r\n"
    single = request.replace(b"\r\n", b"\n")
    async with access_control() as here:
        for port in here.ports.values():
            for one in (single, b"\r\n" + request, b"\n" + single):
                assert [200, 200] == [status for status, _ in await ask(port, one, request)], one


async def test_a_target_that_names_another_host_is_refused() -> None:
    """Its authority would count (RFC 9112, section 3.2.2), and `Host` is what is checked; the same host passes."""
    async with access_control() as here:
        for way, port in here.ports.items():
            for start, status in (
                (b"GET http://ours/ws", 101),
                (b"GET ws://ours/ws", 101),
                (b"GET http://other/ws", 400),
                (b"GET http://ours:81/ws", 400),
                (b"GET http://ours@other/ws", 400),
                (b"GET http://a:b@ours/ws", 400),
                (b"GET ours:80", 400),
                (b"GET *", 400),
                (b"CONNECT ours:80", 405),
                (b"OPTIONS *", 404),
                (b"GET //other/ws", 404),
            ):
                request = start + b" HTTP/1.1\r\nHost: ours" + b":80" * (status == 405) + b"\r\n" + UPGRADE + b"\r\n"
                assert (status, way, start) == ((await ask(port, request))[0][0], way, start)
