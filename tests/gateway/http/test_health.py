"""What balancers are told, by way of aiohttp and without."""

import asyncio

import pytest

from gateway.admission.origin import AllowedHosts
from tests.gateway.conftest import HOST, Start, ask


def parts(answer: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, fields and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    return line, {name.lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}, body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("state", ["ready", "stale", "behind", "not ready", "draining"])
async def test_beyond_a_limit_the_answer_is_the_same(start: Start, method: str, path: str, state: str) -> None:
    """But for the date, and that the connection ends; a handshake is refused meanwhile."""
    running = await start(spare_loopback=False, max_connections_per_ip=1)
    running.gateway.feed.ready = state in ("ready", "stale", "behind")
    running.gateway.is_behind = lambda: state == "behind"
    running.gateway.draining = state == "draining"
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    within = parts(await ask(running, request))
    _, writer = await asyncio.open_connection(HOST, running.port)
    beyond = parts(await ask(running, request))
    assert within[1].pop(b"date")
    assert within == beyond
    assert (b"200" in beyond[0]) == (path == "/healthz" or state in ("ready", "stale"))
    assert b"close" == beyond[1][b"connection"]
    refused = parts(await ask(running, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert b" 429 " in refused[0]
    writer.close()


async def test_beyond_a_limit_names_count_too(start: Start) -> None:
    """Under another than those of operators nothing is told, as always; and it is counted."""
    hosts = AllowedHosts.parse("a.example", only_loopback=False)
    running = await start(spare_loopback=False, max_connections_per_ip=1, allowed_hosts=hosts)
    _, writer = await asyncio.open_connection(HOST, running.port)
    for host, status in ((b"a.example", b"200"), (b"b.example", b"403"), (b"127.0.0.1", b"200")):
        answer = await ask(running, b"GET /healthz HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert 1 == running.gateway.counters.connections_refused["host"]
    writer.close()


async def test_a_balancer_beyond_a_limit_counts_as_one(start: Start) -> None:
    """It must hear of a drain as any other, unless somebody asked through it."""
    running = await start(spare_loopback=False, max_connections_per_ip=1)
    _, writer = await asyncio.open_connection(HOST, running.port)
    probes = running.gateway.probes
    await ask(running, b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
    now = asyncio.get_running_loop().time()
    assert [] == probes.regular(now)
    for _ in range(2):
        await ask(running, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [HOST] == probes.regular(now)
    writer.close()
