"""Stand in for a cloud's balancer before HAProxy: say which client a connection or a request is from."""

import contextlib
import ipaddress
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.integration.balancers import Balancer
from tests.integration.sockets import OPERATOR, socket
from tests.integration.stacks import eventually

CLOUD, STRANGER = "127.0.0.9", "127.0.0.2"
CLIENT, OTHER = "203.0.113.7", "203.0.113.8"
BY_HEADER = {"TICKGATE_TRUSTED_PROXIES": f"{CLOUD} 127.0.0.1 fd00::/8"}
BY_PROXY = {"TICKGATE_ACCEPT_PROXY": f"{CLOUD} fd00::/8"}

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def request(forwarded: Sequence[str] = (), extra: str = "Connection: close\r\n", path: str = "/") -> bytes:
    """A request with these lines of `X-Forwarded-For`."""
    lines = "".join(f"X-Forwarded-For: {line}\r\n" for line in forwarded)
    return f"GET {path} HTTP/1.1\r\nHost: tickgate\r\n{lines}{extra}\r\n".encode()


def proxy_v1(client: str) -> bytes:
    """The header that names a client, in version 1 of the PROXY protocol."""
    family = "TCP6" if ":" in client else "TCP4"
    return f"PROXY {family} {client} {'::1' if ':' in client else '127.0.0.1'} 5678 443\r\n".encode()


def proxy_v2(client: str | None) -> bytes:
    """The same in version 2. None stands for a connection of the balancer's own (`LOCAL`)."""
    magic = b"\r\n\r\n\0\r\nQUIT\n"
    if client is None:
        return magic + bytes((0x20, 0, 0, 0))
    address = ipaddress.ip_address(client).packed
    body = address + address + struct.pack("!HH", 5678, 443)
    return magic + struct.pack("!BBH", 0x21, 0x11 if len(address) == 4 else 0x21, len(body)) + body


async def status(haproxy: Balancer, data: bytes, source: str = CLOUD) -> int:
    """The status of the answer on a new connection; 0 if it is cut off without an answer."""
    async with websocket(haproxy, data, source) as answer:
        return answer


@asynccontextmanager
async def websocket(haproxy: Balancer, data: bytes, source: str = CLOUD) -> AsyncIterator[int]:
    """The same, on a connection that stays."""
    async with contextlib.AsyncExitStack() as exits:
        line = b""
        with contextlib.suppress(ConnectionError):
            reader, writer = await exits.enter_async_context(socket(haproxy.port, source))
            writer.write(data)
            line = await reader.readline()
        yield int(line[9:12] or 0)


def forwarded(haproxy: Balancer) -> list[list[str]]:
    """The `X-Forwarded-For` lines of each request that came through, oldest first."""
    requests = [request.headers.getall("X-Forwarded-For", []) for request in haproxy.requests]
    for stand_in in haproxy.stand_ins:
        stand_in.requests.clear()
    return requests


async def all_logged(haproxy: Balancer, source: str = OPERATOR) -> None:
    """Wait until all that has happened so far is in the log."""
    await status(haproxy, request(path="/last"), source)

    async def logged() -> bool:
        return any(line.endswith("GET /last") for line in haproxy.log)

    await eventually(logged, within_s=20)
