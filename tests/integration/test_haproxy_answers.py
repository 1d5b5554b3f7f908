"""What HAProxy answers by itself with ``haproxy.cfg``: in the gateways' words, with when to come back."""

import asyncio
import os
import shutil
import subprocess

import aiohttp
import orjson
import pytest

from deploy.launcher.programs import find_haproxy
from deploy.process.processes import ROOT
from tests.integration.balancers import balancer
from tests.integration.sockets import said, socket
from tests.integration.stacks import answers

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

STRANGER = "127.0.0.2"


async def answer_to(port: int, request: str, source: str = STRANGER) -> tuple[int, dict[str, str], bytes]:
    """Status, headers with small names, and body, all until the end of the connection or the body's."""
    async with socket(port, source) as (reader, writer):
        writer.write(request.encode())
        async with asyncio.timeout(30):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body


async def test_what_is_refused_is_said_in_json_and_when_to_come_back() -> None:
    """Whatever HAProxy refuses once it has understood a request: each with an error and a code, as gateways do it."""
    async with balancer() as haproxy:
        for request, status in (
            ("GET /metrics HTTP/1.1\r\n", 404),
            ("BREW / HTTP/1.1\r\n", 405),
            ("POST /v1/ticket HTTP/1.1\r\nContent-Length: 5000\r\n", 413),
        ):
            seen, headers, body = await answer_to(haproxy.port, request + "Host: x\r\n\r\n")
            assert (status, "application/json") == (seen, headers["content-type"])
            assert {"error", "code"} == orjson.loads(body).keys()
            assert ("allow" in headers) == (status == 405)
        for stand_in in haproxy.stand_ins:
            await stand_in.server.close()
        # No gateway is left, and then is known to be none.
        await answers(f"{haproxy.url}/readyz", 503)
        for path in ("/", "/readyz"):
            seen, headers, body = await answer_to(haproxy.port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (503, "application/json", "1") == (seen, headers["content-type"], headers["retry-after"])
            assert "try_later" == orjson.loads(body)["code"]


@pytest.mark.parametrize(
    "limit", ["TICKGATE_REQUEST_RATE_PER_IP", "TICKGATE_CONNECT_RATE_PER_IP", "TICKGATE_MAX_CONNECTIONS_PER_IP"]
)
async def test_who_meets_a_limit_hears_it_in_json_and_when_to_come_back(limit: str) -> None:
    """Whichever limit; and its connection ends."""
    async with balancer(**{limit: "1"}) as haproxy, socket(haproxy.port, STRANGER) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        status, headers, body = await answer_to(haproxy.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (429, "10", "close") == (status, headers["retry-after"], headers["connection"])
        assert "rate" == orjson.loads(body)["code"]


@pytest.mark.parametrize("status", [400, 401, 413, 429, 431])
async def test_who_is_refused_by_a_gateway_has_to_connect_again(status: int) -> None:
    """As it has straight; other refusals keep the connection, as they do there."""
    async with balancer() as haproxy:
        for answered in (status, 403):
            for stand_in in haproxy.stand_ins:
                stand_in.status = answered
            _, headers, _ = await answer_to(haproxy.port, "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (answered == status) == (headers.get("connection") == "close")
        for stand_in in haproxy.stand_ins:
            stand_in.status = status
        async with socket(haproxy.port, STRANGER) as (reader, writer):
            writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
            assert 1 == (await said(reader)).count(b"HTTP/1.1 ")


async def test_strangers_questions_whether_we_live_reach_no_gateway() -> None:
    """HAProxy answers them, however the path is written: 200 while any gateway is in service, else 503."""
    async with balancer() as haproxy, aiohttp.ClientSession() as session:
        for path in ("/healthz", "/readyz", "/readyz?a=b"):
            async with session.get(haproxy.url + path) as response:
                assert (200, "application/json") == (response.status, response.content_type)
        status, _, _ = await answer_to(haproxy.port, "GET /%72eadyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert 200 == status
        assert haproxy.requests == []
        for stand_in in haproxy.stand_ins:
            stand_in.ready_status = 503
        await answers(f"{haproxy.url}/readyz", 503)
        await answers(f"{haproxy.url}/healthz", 200)


def checked(**variables: str) -> tuple[int, str]:
    """How ``haproxy -c`` ends where there is no /etc/resolv.conf, and what it says."""
    unshare = shutil.which("unshare")
    # A mount of its own, of an empty folder: nobody else sees it.
    script = 'mount -t tmpfs none /etc 2>/dev/null || exit 77; exec "$0" -c -f haproxy.cfg'
    command = [unshare or "", "--mount", "--map-root-user", "sh", "-c", script, str(find_haproxy())]
    environ = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    check = subprocess.run(command, cwd=ROOT, env=environ | variables, capture_output=True, text=True, check=False)
    if check.returncode == 77 or "unshare:" in check.stderr:
        pytest.skip("this machine lets nobody have mounts of its own")
    return check.returncode, check.stderr


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize(
    ("variables", "starts"),
    [
        ({"TICKGATE_GATEWAY_2": "10.0.0.2:8080", "TICKGATE_DNS": "0"}, True),
        ({"TICKGATE_GATEWAY_2": "10.0.0.2:8080", "TICKGATE_NAMESERVER": "127.0.0.1:53"}, True),
        ({"TICKGATE_GATEWAYS": "gateways.test:8080", "TICKGATE_NAMESERVER": "127.0.0.1:53"}, True),
        ({"TICKGATE_GATEWAYS": "gateways.test:8080"}, False),
    ],
    ids=["addresses", "a name server", "a name and its server", "a name and nobody to ask"],
)
def test_it_starts_without_a_resolv_conf(variables: dict[str, str], starts: bool) -> None:
    """Where nobody has to be asked for a name, or it is told whom; else it says which file is missing."""
    code, said_ = checked(**variables)
    assert (code == 0) == starts, said_
    assert starts or "/etc/resolv.conf" in said_
