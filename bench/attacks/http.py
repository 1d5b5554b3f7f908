"""Floods of plain requests, on connections that stay and on new ones."""

from collections.abc import Awaitable, Callable

from bench.attacks.attack import Attack
from bench.attacks.stranger import Stranger, Target, bearer
from bench.clients.wire import upgrade_request

_PER_S = 1_100
_CONNECTIONS = 20
_MOST = 400
"""The number of connections: a few less than one address may have."""
_AT_ONCE = 200

Make = Callable[[Target], bytes]


def _request(target: Target, line: str, headers: str = "") -> bytes:
    return f"{line} HTTP/1.1\r\nHost: {target.name}\r\n{headers}\r\n".encode()


def _metrics(target: Target) -> bytes:
    return _request(target, "GET /metrics")


def _page(target: Target) -> bytes:
    return _request(target, "GET /")


def _probe(target: Target) -> bytes:
    return _request(target, "GET /healthz")


def _ticket(target: Target) -> bytes:
    return _request(target, "POST /v1/ticket", bearer(target.forged_token) + "Content-Length: 0\r\n")


def _handshake(target: Target) -> bytes:
    return upgrade_request(target.host, target.port, headers=bearer(target.forged_token))


def _staying(make: Make) -> Callable[[Target], Awaitable[None]]:
    return _repeated(make, _CONNECTIONS, _PER_S / _CONNECTIONS)


def _flood(make: Make) -> Callable[[Target], Awaitable[None]]:
    """Send requests one behind the other, as fast as they are taken."""
    return _repeated(make, _MOST, 0)


def _repeated(make: Make, connections: int, per_s: float) -> Callable[[Target], Awaitable[None]]:
    async def begin(target: Target) -> None:
        async def session(stranger: Stranger) -> None:
            await stranger.repeat(make(target), per_s)

        await target.keep(connections, session)

    return begin


def _new(make: Make) -> Callable[[Target], Awaitable[None]]:
    async def begin(target: Target) -> None:
        async def session(stranger: Stranger) -> None:
            await stranger.send(make(target))
            await stranger.answered()

        await target.arrive(_PER_S, _AT_ONCE, session)

    return begin


ATTACKS = (
    Attack("metrics", "GET /metrics, 1,100 a second on 20 connections", _staying(_metrics)),
    Attack("metrics-new", "the same, each on a new connection", _new(_metrics)),
    Attack("metrics-flood", "GET /metrics on 400 connections, as fast as it is taken", _flood(_metrics)),
    Attack("probes-flood", "GET /healthz on 400 connections, as fast as it is taken", _flood(_probe)),
    Attack("page", "GET /, 1,100 a second on 20 connections", _staying(_page)),
    Attack("tickets", "POST /v1/ticket, forged token, 1,100 a second on 20 connections", _staying(_ticket), "EdDSA"),
    Attack("tickets-new", "the same, each on a new connection", _new(_ticket), "EdDSA"),
    Attack("tickets-flood", "the same on 400 connections, as fast as it is taken", _flood(_ticket), "EdDSA"),
    Attack("handshakes", "handshakes, forged token, 1,100 a second on 20 connections", _staying(_handshake), "EdDSA"),
    Attack("handshakes-new", "the same, each on a new connection", _new(_handshake), "EdDSA"),
    Attack("handshakes-flood", "the same on 400 connections, as fast as it is taken", _flood(_handshake), "EdDSA"),
)
