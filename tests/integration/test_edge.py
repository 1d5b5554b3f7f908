"""What ``haproxy.cfg`` keeps away from the gateways: plain text, floods, sloths, and who asks for what is not theirs.

Strangers come from 127.0.0.2 and 127.0.0.3; 127.0.0.1 has no limits.
"""

import asyncio
import contextlib
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme
from websockets.asyncio.client import connect

from deploy.ports import free_port
from tests.integration.balancers import METRICS, Balancer, balancer
from tests.integration.sockets import OPERATOR, said, socket
from tests.integration.stacks import cluster_plan, eventually, running

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

STRANGER, OTHER = "127.0.0.2", "127.0.0.3"
SECRET = "hunter2hunter2"  # noqa: S105 # a mark to look for


class Certificate:
    """A certificate for 127.0.0.1, and who believes it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.file = folder / "cert.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(self.file))
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One for all tests: a key takes a while to make."""
    return Certificate(tmp_path_factory.mktemp("certificate"))


def session(source: str = OPERATOR) -> aiohttp.ClientSession:
    """An HTTP client at an address of its own."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(source, 0)))


async def served(haproxy: Balancer, source: str) -> bool:
    """Whether a new connection from ``source`` gets an answer."""
    async with session(source) as client:
        try:
            async with client.get(f"{haproxy.url}/") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


async def test_over_tls_a_websocket_works_and_the_gateway_hears_that_it_is_tls(certificate: Certificate) -> None:
    """`wss` with a certificate that is checked; a claim to another scheme or address does not come through."""
    async with balancer(TICKGATE_CERT=str(certificate.file)) as haproxy:
        claims = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"}
        url = f"wss://127.0.0.1:{haproxy.tls_port}/ws"
        async with connect(url, ssl=certificate.client, additional_headers=claims) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
        (request,) = haproxy.requests
        assert request.headers.getall("X-Forwarded-For") == ["127.0.0.1"]
        assert request.headers.getall("X-Forwarded-Proto") == ["https"]


async def test_every_answer_over_tls_asks_for_tls_in_future(certificate: Certificate) -> None:
    """HSTS stands on what gateways answer and on what HAProxy does; in plain text it would mean nothing (RFC 6797)."""
    async with balancer(TICKGATE_CERT=str(certificate.file)) as haproxy, session() as client:
        for path, status in (("/", 200), ("/metrics", 404)):
            async with client.get(f"{haproxy.tls_url}{path}", ssl=certificate.client) as response:
                assert response.status == status
                assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with client.get(f"{haproxy.url}/", allow_redirects=False) as response:
            assert "Strict-Transport-Security" not in response.headers


async def test_in_plain_text_nothing_is_served_where_there_is_a_certificate(certificate: Certificate) -> None:
    """Pages are sent on to TLS, a WebSocket or a POST is refused, and nothing of it reaches a gateway."""
    async with balancer(TICKGATE_CERT=str(certificate.file)) as haproxy, session() as client:
        for host, expected in (
            (f"prices.example.com:{haproxy.port}", f"https://prices.example.com:{haproxy.tls_port}/a%20b?c=d"),
            (f"[::1]:{haproxy.port}", f"https://[::1]:{haproxy.tls_port}/a%20b?c=d"),
            ("prices.example.com", "https://prices.example.com/a%20b?c=d"),
        ):
            url = f"{haproxy.url}/a%20b?c=d"
            async with client.get(url, headers={"Host": host}, allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (308, expected)
        for host in ("prices.example.com@evil.example", "evil.example/x", ""):
            async with client.get(haproxy.url, headers={"Host": host}, allow_redirects=False) as response:
                assert (response.status, response.headers.get("Location")) == (400, None)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{haproxy.url}/ws")
        assert refused.value.status == 403
        async with client.post(f"{haproxy.url}/v1/ticket") as response:
            told = {"error": "TLS only: connect to wss:// or https://", "code": "tls"}
            assert (response.status, await response.json()) == (403, told)
        assert haproxy.requests == []
        # Whoever asks only whether we live needs no certificate.
        async with client.get(f"{haproxy.url}/readyz") as response:
            assert response.status == 200


async def test_tls_before_1_2_is_refused(certificate: Certificate) -> None:
    """By the server's own word, not for the client's lack of it; 1.2 is served."""
    async with balancer(TICKGATE_CERT=str(certificate.file)) as haproxy:
        for version, expected in ((ssl.TLSVersion.TLSv1_1, None), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")):
            old = ssl.create_default_context()
            old.check_hostname, old.verify_mode = False, ssl.VerifyMode.CERT_NONE
            # Else this end would not even offer it.
            old.set_ciphers("ALL:@SECLEVEL=0")
            with contextlib.nullcontext() if expected else pytest.warns(DeprecationWarning, match="TLSv1_1"):
                old.minimum_version = old.maximum_version = version
            opening = asyncio.open_connection("127.0.0.1", haproxy.tls_port, ssl=old)
            if expected is None:
                with pytest.raises(ssl.SSLError) as refused:
                    await opening
                assert refused.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"
            else:
                _, writer = await opening
                assert writer.get_extra_info("ssl_object").version() == expected
                writer.transport.abort()


async def test_the_cluster_serves_prices_over_tls(certificate: Certificate) -> None:
    """With `TICKGATE_CERT` the launcher's own stack, gateways and all, is reached by `wss`."""
    plan = cluster_plan(TICKGATE_CERT=str(certificate.file), TICKGATE_TLS_BIND=f"127.0.0.1:{free_port()}")
    async with running(plan):
        url = f"{plan.url.replace('https', 'wss')}/ws"
        async with connect(url, ssl=certificate.client) as client, asyncio.timeout(30):
            await client.send('{"type":"subscribe","symbols":["BTCUSDT"]}')
            while '"snapshot"' not in str(await client.recv()):
                pass


async def test_one_source_holds_only_so_many_connections() -> None:
    """Past them it is disconnected unread; others come in, and so does it again once it has let one go."""
    async with balancer(TICKGATE_MAX_CONNECTIONS_PER_IP="5") as haproxy, contextlib.AsyncExitStack() as exits:
        held = []
        for source in (STRANGER,) * 5 + (OPERATOR,) * 6:
            reader, writer = await exits.enter_async_context(socket(haproxy.port, source))
            # Connected is what the kernel says; who has an answer has been counted.
            writer.write(b"GET / HTTP/1.1\r\nHost: tickgate\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            held.append(writer)
        assert not await served(haproxy, STRANGER)
        assert await served(haproxy, OTHER)
        assert await served(haproxy, OPERATOR)
        held[0].close()

        async def readmitted() -> bool:
            return await served(haproxy, STRANGER)

        await eventually(readmitted, within_s=30)


async def test_one_source_connects_only_so_often() -> None:
    """The eleventh connection within ten seconds is refused; others are served, and the operators without end."""
    async with balancer(TICKGATE_CONNECT_RATE_PER_IP="10") as haproxy:
        assert [await served(haproxy, STRANGER) for _ in range(12)] == [True] * 10 + [False] * 2
        assert await served(haproxy, OTHER)
        assert [await served(haproxy, OPERATOR) for _ in range(12)] == [True] * 12


async def test_one_source_asks_only_so_often() -> None:
    """Past so many requests it hears 429 and is disconnected; the log has a line of the first, and of no other."""
    async with balancer(TICKGATE_REQUEST_RATE_PER_IP="10") as haproxy:
        async with session(STRANGER) as client:
            statuses = []
            for _ in range(12):
                async with client.get(f"{haproxy.url}/asked") as response:
                    statuses.append(response.status)
                    assert (response.status == 429) == (response.headers.get("Connection") == "close")
        assert statuses == [200] * 10 + [429] * 2
        assert len(haproxy.requests) == 10
        async with session(OTHER) as client, client.get(f"{haproxy.url}/last") as response:
            assert response.status == 200

        async def logged() -> bool:
            return any(line.endswith("GET /last") for line in haproxy.log)

        await eventually(logged, within_s=30)
        assert sum(line.endswith("GET /asked") for line in haproxy.log) == 11


async def test_who_takes_too_long_over_a_request_is_thrown_out(certificate: Certificate) -> None:
    """Headers that do not end, a body that drips, a TLS handshake that never starts: all are cut, seen by nobody."""
    async with balancer(TICKGATE_CERT=str(certificate.file)) as haproxy, balancer() as plain:

        async def drip(writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.2)

        async def slow(start: bytes) -> bytes:
            async with socket(plain.port, STRANGER) as (reader, writer):
                writer.write(start)
                dripping = asyncio.create_task(drip(writer))
                try:
                    return await said(reader, within_s=20)
                finally:
                    dripping.cancel()

        async def silent() -> bytes:
            async with socket(haproxy.tls_port, STRANGER) as (reader, _):
                return await said(reader, within_s=20)

        headers, body, handshake = await asyncio.gather(
            slow(b"GET /ws HTTP/1.1\r\nHost: tickgate\r\nX-Slow: "),
            slow(b"POST /v1/ticket HTTP/1.1\r\nHost: tickgate\r\nContent-Length: 1000\r\n\r\n"),
            silent(),
        )
        assert headers.startswith(b"HTTP/1.1 408 ")
        assert body.startswith(b"HTTP/1.1 408 ")
        assert handshake == b""
        assert plain.requests == haproxy.requests == []


async def test_headers_have_a_limit() -> None:
    """A token of 6 KB passes; 102 headers, or 16 KB of them, do not, and reach no gateway."""
    async with balancer() as haproxy, session(STRANGER) as client:
        long_token = {"Authorization": "Bearer " + "x" * 6000}
        for headers, status in (
            (long_token, 200),
            ({f"X-{number}": "x" for number in range(102)}, 400),
            ({"X-Long": "x" * 16_384}, 400),
        ):
            async with client.get(f"{haproxy.url}/", headers=headers) as response:
                assert response.status == status
        assert len(haproxy.requests) == 1


async def test_bodies_have_a_limit() -> None:
    """A small one passes; a large one is refused before it is sent, and so is one that does not say how large it is."""
    async with balancer() as haproxy:
        async with session() as client, client.post(f"{haproxy.url}/v1/ticket", data=b"x" * 4096) as response:
            assert response.status == 200
        for length in (b"Content-Length: 4097", b"Content-Length: 9223372036854775807", b"Transfer-Encoding: chunked"):
            async with socket(haproxy.port) as (reader, writer):
                writer.write(b"POST /v1/ticket HTTP/1.1\r\nHost: tickgate\r\n" + length + b"\r\n\r\n")
                assert (await said(reader)).startswith(b"HTTP/1.1 413 "), length
        assert len(haproxy.requests) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"])
async def test_other_methods_are_refused(method: str) -> None:
    """GET, HEAD and POST are all that a gateway knows."""
    async with balancer() as haproxy, socket(haproxy.port) as (reader, writer):
        target = "tickgate:80" if method == "CONNECT" else "/"
        writer.write(f"{method} {target} HTTP/1.1\r\nHost: tickgate:80\r\nConnection: close\r\n\r\n".encode())
        answer = await said(reader)
        assert answer.startswith(b"HTTP/1.1 405 ")
        assert b"allow: GET, HEAD, POST" in answer
        assert haproxy.requests == []


async def test_metrics_are_not_for_clients() -> None:
    """However the path is written: it names symbols and counts that are the operators'."""
    async with balancer() as haproxy:
        answers = []
        for target in (
            *("/metrics", "/metrics?a=b", "/metrics/", "/%6detrics", "/%6Detri%63s", "/met%72ics?", "//metrics"),
            *(
                "/./metrics",
                "/a/../metrics",
                "/a/%2e%2e/metrics",
                "/%2fmetrics",
                "/metrics#a",
                "/metrics%00",
                "/METRICS",
            ),
            *(
                "http://tickgate/metrics",
                "http://tickgate/%6detrics",
                "/web/../metrics",
                "/metrics;a=b",
                "/%256detrics",
            ),
        ):
            async with socket(haproxy.port) as (reader, writer):
                writer.write(f"GET {target} HTTP/1.1\r\nHost: tickgate\r\nConnection: close\r\n\r\n".encode())
                answers.append((target, await said(reader)))
        assert [target for target, answer in answers if METRICS.encode() in answer] == []
        assert all(answer.startswith(b"HTTP/1.") for _, answer in answers)
        assert answers[0][1].startswith(b"HTTP/1.1 404 ")


async def test_http_2_does_not_slip_past_the_limits() -> None:
    """Its preface is no request: else one connection would carry a hundred WebSockets."""
    async with balancer() as haproxy, socket(haproxy.port) as (reader, writer):
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
        assert (await said(reader)).startswith(b"HTTP/1.1 400 ")


async def test_no_secret_reaches_the_log(certificate: Certificate) -> None:
    """However a token is carried and whatever becomes of the request: served, refused, sent on, or not understood."""
    token = f"token={SECRET}"
    carried = f"Authorization: Bearer {SECRET}\r\nSec-WebSocket-Protocol: {SECRET}\r\nCookie: {token}\r\nX: {SECRET}"
    requests = (
        f"GET /?{token} HTTP/1.1\r\nHost: tickgate\r\n{carried}\r\n\r\n",
        f"GET /metrics?{token} HTTP/1.1\r\nHost: tickgate\r\n{carried}\r\n\r\n",
        f"BREW /?{token} HTTP/1.1\r\nHost: tickgate\r\n{carried}\r\n\r\n",
        f"POST /v1/ticket?{token} HTTP/1.1\r\nHost: tickgate\r\nContent-Length: 5000\r\n{carried}\r\n\r\n",
        f"POST /v1/ticket?{token} HTTP/1.1\r\nHost: tickgate\r\nContent-Length: 1\r\n{carried}\r\n\r\nx",
        f"GET /ws?{token} HTTP/1.1\r\nHost: tickgate\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{carried}\r\n\r\n",
        f"GET /?{token} HTTP/1.1\r\nHost: tickgate\r\n{carried}\r\nbroken header\r\n\r\n",
        f"GET /?{token} {SECRET}\r\n\r\n",
        f"{SECRET}\r\n\r\n",
    )
    async with balancer() as plain, balancer(TICKGATE_CERT=str(certificate.file)) as tls:
        for haproxy in (plain, tls):
            for request in requests:
                async with socket(haproxy.port) as (reader, writer):
                    writer.write(request.replace("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n", 1).encode())
                    assert (await said(reader)).startswith(b"HTTP/1.")

            async def logged(haproxy: Balancer = haproxy) -> bool:
                # Its own question whether it is ready is one of them.
                return sum(line.startswith("127.0.0.1:") for line in haproxy.log) > len(requests)

            await eventually(logged, within_s=30)
            assert [line for line in haproxy.log if SECRET in line] == []
