"""Many behind one address, straight and through HAProxy at the default limits: an office, and who attacks from it."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

import orjson
import pytest

from gateway.admission.address import TrustedProxies
from gateway.admission.limits.charges import METRICS, PROOF
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import HOST
from tests.integration.test_access_control import JWT, UPGRADE, AccessControl, access_control

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

OFFICES = {"straight": "127.0.0.2", "through HAProxy": "127.0.0.3"}
"""They have limits at HAProxy; at the gateway, everybody here has."""
T = TypeVar("T")
RATE = 100
"""MAX_REQUEST_RATE_PER_IP."""


async def get(port: int, source: str, *requests: bytes, method: bytes = b"GET") -> list[tuple[int, str]]:
    """Ask for one after the other on a connection of its own; status and body of each answer."""
    reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
    received = []
    try:
        async with asyncio.timeout(20):
            for request in requests:
                writer.write(method + b" " + request + b"\r\n")
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                received.append((int(head.split()[1]), (await reader.readexactly(int(length or 0))).decode()))
                if b"connection: close" in head:
                    break
    finally:
        writer.close()
    return received


async def visit(port: int, source: str, seen: Counter[int]) -> None:
    """Open the page, everything that it refers to, each on a connection of its own, and its WebSocket."""
    [(status, page)] = await get(port, source, b"/ HTTP/1.1\r\nHost: x\r\n")
    seen[status] += 1
    paths = re.findall(r'(?:src|href)="(/[^"]*)"', page)
    requests = [f"{path} HTTP/1.1\r\nHost: x\r\n".encode() for path in paths]
    answers = await asyncio.gather(
        *(get(port, source, request) for request in requests),
        get(port, source, b"/ws HTTP/1.1\r\nHost: x\r\n" + UPGRADE),
    )
    seen.update(status for [(status, _)] in answers)


async def crowd(visits: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """All ``visits`` at once, on an event loop of their own: the gateway answers HAProxy's checks meanwhile."""

    async def together() -> list[T]:
        return await asyncio.gather(*(visit() for visit in visits))

    return await asyncio.to_thread(asyncio.run, together())


@pytest.mark.parametrize("people", [50, 200])
async def test_an_office_opens_the_page_at_once(people: int) -> None:
    """With all that belongs to it, and a WebSocket each; nobody is refused anything."""
    async with access_control(spare_loopback=False) as opened:
        for way, port in opened.ports.items():
            seen: Counter[int] = Counter()
            await crowd([partial(visit, port, OFFICES[way], seen)] * people)
            assert (way, {200, 101}, people) == (way, set(seen), seen[101])


async def log_in(port: int, source: str, number: int) -> tuple[int, int]:
    """Get a ticket for a token of one's own, and show it; both answers."""
    bearer = f"Authorization: Bearer {token('HS256', SECRET, sub=f'person-{number}')}\r\nContent-Length: 0\r\n"
    [(issued, body)] = await get(port, source, b"/v1/ticket HTTP/1.1\r\nHost: x\r\n" + bearer.encode(), method=b"POST")
    ticket = orjson.loads(body)["ticket"].encode() if issued == 200 else b""
    [(let_in, _)] = await get(port, source, b"/ws?ticket=" + ticket + b" HTTP/1.1\r\nHost: x\r\n" + UPGRADE)
    return issued, let_in


async def test_an_office_logs_in_at_once() -> None:
    """Sixty people with tokens, who show their tickets at the same time; nobody is refused anything.

    While a ticket is looked at, its address has three tokens less, of two hundred. So nobody is refused either if the
    store answers nobody before all have asked.
    """
    async with access_control(spare_loopback=False, auth=JWT) as opened:
        for way, port in opened.ports.items():
            answers = await crowd([partial(log_in, port, OFFICES[way], number) for number in range(60)])
            assert (way, {(200, 101)}) == (way, set(answers))


@pytest.mark.parametrize(
    ("request_", "tokens", "good"),
    [
        (b"/metrics HTTP/1.1\r\nHost: x\r\n", METRICS, 200),
        (b"/ws?ticket=x HTTP/1.1\r\nHost: x\r\n" + UPGRADE, PROOF, 401),
        (b"/nothing HTTP/1.1\r\nHost: x\r\n", 1, 404),
    ],
    ids=["metrics", "tickets", "nothing"],
)
async def test_who_makes_work_from_there_is_refused(request_: bytes, tokens: int, good: int) -> None:
    """From however many connections: what is answered is two seconds' worth and what comes back meanwhile."""
    async with access_control(spare_loopback=False, auth=JWT) as opened:
        for way, port in opened.ports.items():
            if tokens == METRICS and port != opened.running.port:
                continue  # HAProxy has none for strangers
            loop = asyncio.get_running_loop()
            begun = loop.time()
            seen: Counter[int] = Counter()
            for _ in range(4):
                for answers in await asyncio.gather(*(get(port, OFFICES[way], request_, request_) for _ in range(75))):
                    seen.update(status for status, _ in answers)
            most = RATE * (2 + loop.time() - begun) / tokens + 1
            assert (way, {good, 429}) == (way, set(seen))
            assert seen[good] <= most, way


async def checked(opened: AccessControl, times: int) -> None:
    """Wait until HAProxy has been told so often that the gateway is ready."""

    def asked_at() -> float:
        asker = opened.running.gateway.probes._askers.get(HOST)
        return asker.at if asker else 0.0

    async with asyncio.timeout(20):
        for _ in range(times):
            before = asked_at()
            while asked_at() == before:  # noqa: ASYNC110 # nobody tells
                await asyncio.sleep(0.02)


async def test_a_gateway_stays_in_service_whatever_strangers_ask_through_haproxy() -> None:
    """Also where nobody said that HAProxy is a proxy, so that all of them share one address with its checks.

    Every limit of that address is met: requests, questions whether we live, connections at once, and new ones.
    """
    limits = {"max_connections_per_ip": 20, "max_connect_rate_per_ip": 3}
    async with access_control(spare_loopback=False, trusted_proxies=TrustedProxies(), **limits) as opened:
        port, straight = opened.ports["through HAProxy"], opened.running.port
        done = False

        async def flood(port: int, source: str, request: bytes) -> None:
            while not done:
                try:
                    await get(port, source, *(request,) * 5)
                except (asyncio.IncompleteReadError, ConnectionError):
                    await asyncio.sleep(0.05)

        ready = b"/readyz HTTP/1.1\r\nHost: x\r\n"
        floods = [
            asyncio.create_task(flood(*one))
            for one in (
                *((port, OFFICES["straight"], ready), (port, OFFICES["through HAProxy"], b"/ HTTP/1.1\r\nHost: x\r\n")),
                (straight, HOST, b"/nothing HTTP/1.1\r\nHost: x\r\n"),
            )
            for _ in range(8)
        ]
        try:
            await checked(opened, 8)
        finally:
            done = True
            await asyncio.gather(*floods)
        refused = opened.running.gateway.counters.connections_refused
        assert refused["rate"] > 0
        assert [] == [line for line in opened.log if "DOWN" in line or "UP" in line]
