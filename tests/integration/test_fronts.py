"""What each front keeps away from the gateways, and what it passes on: the others' share of what HAProxy is tested for.

Strangers come from 127.0.0.2 and 127.0.0.3; 127.0.0.1 has no limits.
"""

import asyncio
import contextlib
import gc
import re
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import connect

from deploy.fronts.envoy import shared_memory
from deploy.launcher.programs import plan_cluster
from deploy.launcher.stack import is_ready
from deploy.ports import free_port
from deploy.process.processes import Process
from tests.integration.balancers import METRICS, Balancer, StandIn, balancer, starting_balancer
from tests.integration.clouds import CLIENT, CLOUD, UPGRADE, forwarded, proxy_v1, request, websocket
from tests.integration.front_kinds import CHECKS, OTHERS, require
from tests.integration.sockets import said, socket
from tests.integration.stacks import GATEWAY_COUNT, cluster_environment, environment, eventually, http_status
from tests.integration.test_edge import OTHER, SECRET, STRANGER, Certificate, served, session

pytestmark = pytest.mark.integration

SEEN_AGAIN_S = 2.0
"""A front that asks gateways, or leaves them alone for a second, knows after it that they are back."""
_HANDSHAKE = request(extra=UPGRADE, path="/ws")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One for all tests: a key takes a while to make."""
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(params=OTHERS)
def front(request: pytest.FixtureRequest) -> str:
    """Each front that is a program of its own."""
    name = str(request.param)
    require(name)
    return name


async def test_a_gateway_hears_where_the_client_is_and_not_what_it_claims(front: str) -> None:
    """`X-Forwarded-For` and `Forwarded` of the client's own are gone; one address stands in their place."""
    async with balancer(front=front) as its, session(STRANGER) as client:
        claims = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "7.7.7.7"), ("Forwarded", "for=8.8.8.8")]
        claims.append(("X-Forwarded-Proto", "https"))
        async with client.get(f"{its.url}/ws?token={SECRET}", headers=claims) as response:
            assert response.status == 200
        (request,) = its.requests
        assert request.headers.getall("X-Forwarded-For") == [STRANGER]
        assert request.headers.getall("X-Forwarded-Proto") == ["http"]
        assert "Forwarded" not in request.headers
        assert request.query_string == f"token={SECRET}"


async def test_of_a_trusted_proxy_the_last_entry_is_the_client(front: str) -> None:
    """Nothing that stands before it is taken for it, and nobody else's word is."""
    async with balancer(front=front, TICKGATE_TRUSTED_PROXIES="127.0.0.9") as its:
        for source, entries, expected in (
            ("127.0.0.9", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
            ("127.0.0.9", "203.0.113.7", "203.0.113.7"),
            (STRANGER, "203.0.113.7", STRANGER),
        ):
            headers = {"X-Forwarded-For": entries}
            async with session(source) as client, client.get(its.url, headers=headers) as response:
                assert response.status == 200
            assert its.requests[-1].headers.getall("X-Forwarded-For") == [expected]
            for stand_in in its.stand_ins:
                stand_in.requests.clear()


async def test_nginx_learns_the_client_from_a_proxy_header_of_a_balancer_that_it_believes() -> None:
    """Every connection must begin with one, but only the balancer's own is believed."""
    require("nginx")
    async with starting_balancer(front="nginx", TICKGATE_ACCEPT_PROXY=CLOUD) as its:

        async def status(source: str, data: bytes) -> int:
            async with websocket(its, data, source) as answer:
                return answer

        async def serves() -> bool:
            with contextlib.suppress(OSError):
                return await status(CLOUD, proxy_v1(CLIENT) + request()) == 200
            return False

        await eventually(serves, within_s=20)
        for source, expected in ((CLOUD, CLIENT), (STRANGER, STRANGER)):
            assert await status(source, proxy_v1(CLIENT) + request()) == 200
            assert [lines[-1] for lines in forwarded(its)][-1] == expected
        assert await status(STRANGER, request()) != 200


async def test_a_request_that_a_gateway_refuses_goes_to_another(front: str) -> None:
    """503 from a gateway that takes no more, or no answer from one that is gone: the client notices neither."""
    async with balancer(front=front) as its:
        full, gone = its.stand_ins[:2]
        full.status = 503
        await gone.server.close()
        statuses = [await http_status(f"{its.url}/ws") for _ in range(4 * GATEWAY_COUNT)]
        assert statuses == [200] * (4 * GATEWAY_COUNT)


async def test_when_gateways_are_back_all_who_come_at_once_are_served(front: str) -> None:
    """That none could be reached before holds up nobody: clients of all of them come back together, and stay."""
    ports = free_port(), free_port()
    stand_ins = [StandIn(port=port) for port in ports]
    none = {"TICKGATE_GATEWAY_3": "", "TICKGATE_GATEWAY_4": ""}
    async with balancer(stand_ins, front=front, **none) as its, AsyncExitStack() as exits:
        for stand_in in stand_ins:
            await stand_in.server.close()
        async with session(STRANGER) as client:

            async def status() -> int:
                async with client.get(its.url) as response:
                    return response.status

            async def none_is_left() -> bool:
                return await status() == 503

            await eventually(none_is_left, within_s=20)
            for port in ports:
                back = StandIn(port=port)
                await back.server.start_server()
                exits.push_async_callback(back.server.close)
            await asyncio.sleep(SEEN_AGAIN_S)
            sockets = await asyncio.gather(*(client.ws_connect(f"{its.url}/ws") for _ in range(20)))
            for made in sockets:
                await made.close()


async def test_with_no_gateway_in_service_it_says_so_and_when_to_come_back(front: str) -> None:
    """In JSON, as the gateways do; its own readiness too."""
    async with balancer(front=front) as its, session() as client:
        for stand_in in its.stand_ins:
            await stand_in.server.close()
        for path in ("/readyz", "/"):

            async def refused(path: str = path) -> bool:
                async with client.get(f"{its.url}{path}") as response:
                    body = await response.read()
                    if response.status != 503:
                        return False
                    assert (response.headers["Retry-After"], orjson.loads(body)["code"]) == ("1", "try_later")
                    return True

            await eventually(refused, within_s=20)
        async with client.get(f"{its.url}/healthz") as response:
            assert (response.status, await response.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"TICKGATE_CERT": "here"},
        {f"TICKGATE_{limit}_PER_IP": "0" for limit in ("MAX_CONNECTIONS", "CONNECT_RATE", "REQUEST_RATE")},
        {"TICKGATE_TRUSTED_PROXIES": "10.0.0.0/8 fd00::/8"},
        {
            "TICKGATE_GATEWAY_2": "",
            "TICKGATE_GATEWAY_16": "[::1]:8081",
            "TICKGATE_GATEWAY_3": "localhost:8083",
            "TICKGATE_BIND": "[::1]:8080",
        },
    ],
    ids=["defaults", "certificate", "no limits", "balancers", "numbered"],
)
def test_the_configuration_is_accepted(front: str, variables: dict[str, str], certificate: Certificate) -> None:
    """The program has nothing to complain of, with and without each block that a variable opens."""
    if "TICKGATE_CERT" in variables:
        variables = {"TICKGATE_CERT": str(certificate.file)}
    program = plan_cluster(environment(FRONT=front, **variables)).other_front
    assert program is not None
    check = subprocess.run(
        [*program.command, *CHECKS[front]], env=program.env, capture_output=True, text=True, check=False, timeout=60
    )
    assert check.returncode == 0, check.stderr
    assert "warn" not in check.stderr.lower(), check.stderr


async def test_envoy_leaves_no_shared_memory() -> None:
    """It makes a file outside its folder and never removes it: killed, started again and ended, it leaves none."""
    require("envoy")
    plan = plan_cluster(cluster_environment(FRONT="envoy"))
    program = plan.other_front
    assert program is not None
    command, env, address = program.command, program.env, program.listens[0]
    memory = shared_memory(command[command.index("--base-id") + 1])
    assert not memory.exists()
    for stop_signal in (signal.SIGKILL, program.stop_signal):
        process = Process("envoy", command, env=env, say=lambda *_: None, stop_signal=stop_signal)
        await process.start()
        await eventually(lambda: is_ready(address, None), within_s=20)
        assert memory.exists()
        await process.stop(20)
    assert memory.exists()
    del plan, program
    gc.collect()
    assert not memory.exists()


async def test_one_source_holds_only_so_many_connections(front: str) -> None:
    """Past them it hears 429; others come in, and so does it again once it has let one go."""
    if front == "envoy":
        pytest.skip("Envoy cannot count the connections of one address: gateways do (docs/fronts.md)")
    async with balancer(front=front, TICKGATE_MAX_CONNECTIONS_PER_IP="5") as its, contextlib.AsyncExitStack() as exits:
        for source in (STRANGER,) * 4 + ("127.0.0.1",) * 6:
            assert await exits.enter_async_context(websocket(its, _HANDSHAKE, source)) == 101
        async with websocket(its, _HANDSHAKE, STRANGER) as status:
            assert status == 101
            assert await _handshake(its, STRANGER) == 429
            assert await _handshake(its, OTHER) == 101

        async def readmitted() -> bool:
            return await _handshake(its, STRANGER) == 101

        await eventually(readmitted, within_s=30)


async def test_one_source_connects_only_so_often(front: str) -> None:
    """Handshakes of one address above its rate hear 429 in JSON; others come in, and the operators without end."""
    async with balancer(front=front, TICKGATE_CONNECT_RATE_PER_IP="10") as its:
        await _until_429(lambda: _handshake(its, STRANGER), 101)
        assert await _handshake(its, OTHER) == 101
        assert {await _handshake(its, "127.0.0.1") for _ in range(24)} == {101}
        head = b""
        while b" 429 " not in head:
            async with socket(its.port, STRANGER) as (reader, writer):
                writer.write(_HANDSHAKE)
                head = (await _head(reader)).lower()
                if b" 429 " in head:
                    body = await _body(reader, head)
        assert b"\r\nretry-after: 10" in head
        assert orjson.loads(body)["code"] == "rate"


async def test_one_source_asks_only_so_often(front: str) -> None:
    """Past so many requests it hears 429 and is disconnected; others are served."""
    async with balancer(front=front, TICKGATE_REQUEST_RATE_PER_IP="10") as its:
        async with session(STRANGER) as client:

            async def ask() -> int:
                async with client.get(f"{its.url}/asked") as response:
                    if response.status == 429:
                        assert (response.headers.get("Connection") == "close") == (front != "envoy")
                        assert (await response.json())["code"] == "rate"
                    return response.status

            await _until_429(ask, 200)
        assert await served(its, OTHER)


async def test_methods_bodies_and_metrics_are_kept_away(front: str) -> None:
    """What gateways must not get reaches none of them, however it is written."""
    async with balancer(front=front) as its:
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "BREW"):
            async with socket(its.port) as (reader, writer):
                writer.write(f"{method} / HTTP/1.1\r\nHost: tickgate:80\r\nConnection: close\r\n\r\n".encode())
                assert (await _head(reader))[:12] in (b"HTTP/1.1 405", b"HTTP/1.1 400"), method
        for length in (b"Content-Length: 4097", b"Content-Length: 9223372036854775807"):
            async with socket(its.port) as (reader, writer):
                writer.write(b"POST /v1/ticket HTTP/1.1\r\nHost: tickgate\r\n" + length + b"\r\n\r\n")
                assert (await _head(reader))[:12] == b"HTTP/1.1 413", length
        assert its.requests == []
        for target in (
            *("/metrics", "/metrics?a=b", "/metrics/", "/%6detrics", "/%6Detri%63s", "/met%72ics?", "//metrics"),
            *("/./metrics", "/a/../metrics", "/a/%2e%2e/metrics", "/%2fmetrics", "/metrics#a", "/metrics%00"),
            *("http://tickgate/metrics", "http://tickgate/%6detrics", "/web/../metrics", "/metrics;a=b"),
        ):
            async with socket(its.port) as (reader, writer):
                writer.write(f"GET {target} HTTP/1.1\r\nHost: tickgate\r\nConnection: close\r\n\r\n".encode())
                head = await _head(reader)
                assert head.startswith(b"HTTP/1."), target
                assert METRICS.encode() not in await _body(reader, head), target
        before = len(its.requests)
        for target in ("/ops", "/ops/processes", "/ops?a=b", "/%6fps", "/%6Fp%73/processes"):
            async with socket(its.port) as (reader, writer):
                writer.write(f"GET {target} HTTP/1.1\r\nHost: tickgate\r\nConnection: close\r\n\r\n".encode())
                assert (await _head(reader))[:12] == b"HTTP/1.1 404", target
        assert before == len(its.requests)


async def test_headers_that_do_not_end_are_cut_off(front: str) -> None:
    """A client that drips its request is thrown out, and no gateway has seen it."""
    async with balancer(front=front) as its, socket(its.port, STRANGER) as (reader, writer):
        writer.write(b"GET /ws HTTP/1.1\r\nHost: tickgate\r\nX-Slow: ")
        ended = asyncio.create_task(said(reader, within_s=20))
        with contextlib.suppress(ConnectionError):
            while not ended.done():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.2)
        assert b" 200 " not in await ended
        assert its.requests == []


async def test_tls_is_served_and_plain_text_is_not(front: str, certificate: Certificate) -> None:
    """`wss` with a certificate that is checked; pages are sent on to it, a WebSocket or a POST is refused."""
    async with balancer(front=front, TICKGATE_CERT=str(certificate.file)) as its, session() as client:
        async with connect(f"wss://127.0.0.1:{its.tls_port}/ws", ssl=certificate.client) as one:
            await one.send("hello")
            assert await one.recv() == "hello"
        (seen,) = its.requests
        assert seen.headers.getall("X-Forwarded-Proto") == ["https"]
        for path, status in (("/", 200), ("/metrics", 404)):
            async with client.get(f"{its.tls_url}{path}", ssl=certificate.client) as response:
                assert response.status == status
                assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        before = len(its.requests)
        hosts = {
            f"prices.example.com:{its.port}": f"https://prices.example.com:{its.tls_port}/a%20b?c=d",
            "prices.example.com": "https://prices.example.com/a%20b?c=d",
        }
        for host, expected in hosts.items():
            url = f"{its.url}/a%20b?c=d"
            async with client.get(url, headers={"Host": host}, allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (308, expected)
                assert "Strict-Transport-Security" not in response.headers
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{its.url}/ws")
        assert refused.value.status == 403
        async with client.post(f"{its.url}/v1/ticket") as response:
            assert (response.status, (await response.json())["code"]) == (403, "tls")
        assert len(its.requests) == before
        assert await http_status(f"{its.url}/readyz") == 200


async def test_no_secret_reaches_the_log(front: str) -> None:
    """However a token is carried and whatever becomes of the request: served, refused, or not understood."""
    token = f"token={SECRET}"
    carried = f"Authorization: Bearer {SECRET}\r\nSec-WebSocket-Protocol: {SECRET}\r\nCookie: {token}\r\nX: {SECRET}"
    carried += f"\r\nReferer: http://tickgate/?{token}"
    requests = (
        f"GET /?{token} HTTP/1.1\r\nHost: tickgate\r\n{carried}\r\n\r\n",
        f"GET /metrics?{token} HTTP/1.1\r\nHost: tickgate\r\n{carried}\r\n\r\n",
        f"BREW /?{token} HTTP/1.1\r\nHost: tickgate\r\n{carried}\r\n\r\n",
        f"POST /v1/ticket?{token} HTTP/1.1\r\nHost: tickgate\r\nContent-Length: 5000\r\n{carried}\r\n\r\n",
        f"GET /ws?{token} HTTP/1.1\r\nHost: tickgate\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{carried}\r\n\r\n",
        f"GET /?{token} HTTP/1.1\r\nHost: tickgate\r\n{carried}\r\nbroken header\r\n\r\n",
        f"GET /?{token} {SECRET}\r\n\r\n",
        f"{SECRET}\r\n\r\n",
    )
    # Some are over the limit, and then all gateways are gone.
    async with balancer(front=front, TICKGATE_REQUEST_RATE_PER_IP="8") as its:
        for source in ("127.0.0.1", STRANGER, STRANGER, STRANGER):
            if source == STRANGER:
                for stand_in in its.stand_ins:
                    await stand_in.server.close()
            for request in requests:
                async with socket(its.port, source) as (reader, writer):
                    writer.write(request.replace("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n", 1).encode())
                    await _head(reader)
        await http_status(f"{its.url}/last")

        async def logged() -> bool:
            return any("/last" in line for line in its.log)

        await eventually(logged, within_s=30)
        assert [line for line in its.log if SECRET in line] == []


@pytest.mark.parametrize(
    "variable", ["TICKGATE_TRUSTED_PROXIES", "TICKGATE_MAX_CONNECTIONS", "TICKGATE_UNREAD_TIMEOUT"]
)
def test_what_cannot_be_used_stops_the_start_and_is_named(front: str, variable: str) -> None:
    """Nothing is trusted, and nothing unlimited, by mistake."""
    with pytest.raises(Exception, match=f"{variable}.*'balancer.example'"):
        plan_cluster(environment(FRONT=front, **{variable: "balancer.example"}))


async def _until_429(ask: Callable[[], Awaitable[int]], granted: int) -> None:
    """Ask until it is too often: ten are granted at once, and then one a second."""
    began, count = time.monotonic(), 0
    async with asyncio.timeout(60):
        while (status := await ask()) == granted:
            count += 1
    assert status == 429
    assert 10 <= count <= 10 + (time.monotonic() - began) + 1


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """What follows a head; without a length all until the end of the connection."""
    told = re.search(rb"content-length: ([0-9]+)", head.lower())
    return await reader.readexactly(int(told[1])) if told else await said(reader)


async def _head(reader: asyncio.StreamReader) -> bytes:
    """The head of an answer; what came of it where the connection has ended."""
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionError):
            try:
                return await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as cut_off:
                return cut_off.partial
    return b""


async def _handshake(its: Balancer, source: str) -> int:
    async with websocket(its, _HANDSHAKE, source) as status:
        return status
