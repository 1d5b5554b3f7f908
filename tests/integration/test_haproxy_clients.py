"""Whose a connection is where a cloud's balancer stands before HAProxy: by PROXY protocol, or by `X-Forwarded-For`.

The balancer is the test, at 127.0.0.9, and then at 127.0.0.1, which by itself has no limits.
"""

import contextlib
import ipaddress
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.integration.balancers import Balancer, balancer
from tests.integration.sockets import OPERATOR, said, socket
from tests.integration.stacks import eventually

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

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
    """The header that tells of a client, version 1 of the PROXY protocol."""
    family = "TCP6" if ":" in client else "TCP4"
    return f"PROXY {family} {client} {'::1' if ':' in client else '127.0.0.1'} 5678 443\r\n".encode()


def proxy_v2(client: str | None) -> bytes:
    """The same in version 2; None is a connection of the balancer's own (`LOCAL`)."""
    magic = b"\r\n\r\n\0\r\nQUIT\n"
    if client is None:
        return magic + bytes((0x20, 0, 0, 0))
    address = ipaddress.ip_address(client).packed
    body = address + address + struct.pack("!HH", 5678, 443)
    return magic + struct.pack("!BBH", 0x21, 0x11 if len(address) == 4 else 0x21, len(body)) + body


async def status(haproxy: Balancer, data: bytes, source: str = CLOUD) -> int:
    """What a connection of its own is answered; 0 where it is cut off without an answer."""
    async with websocket(haproxy, data, source) as answer:
        return answer


@asynccontextmanager
async def websocket(haproxy: Balancer, data: bytes, source: str = CLOUD) -> AsyncIterator[int]:
    """The same, and the connection stays."""
    async with contextlib.AsyncExitStack() as exits:
        line = b""
        with contextlib.suppress(ConnectionError):
            reader, writer = await exits.enter_async_context(socket(haproxy.port, source))
            writer.write(data)
            line = await reader.readline()
        yield int(line[9:12] or 0)


def heard(haproxy: Balancer) -> list[list[str]]:
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


ONE_HOP = (
    ([CLIENT], CLIENT),
    ([f"6.6.6.6, {CLIENT}"], CLIENT),
    (["6.6.6.6", CLIENT], CLIENT),
    ([f"unknown, _hidden,, {CLIENT}"], CLIENT),
    ([", ".join(["6.6.6.6"] * 100) + f",{CLIENT}"], CLIENT),
    ([f"{CLIENT}:5678"], CLIENT),
    (["2001:db8::7"], "2001:db8::7"),
    (["[2001:db8::7]"], "2001:db8::7"),
    (["6.6.6.6, [2001:db8::7]:5678"], "2001:db8::7"),
    ([f"::ffff:{CLIENT}"], CLIENT),
    ([f"[::FFFF:{CLIENT}]:5678"], CLIENT),
    # What the balancer wrote is no address, or nothing: what stands further left is no better for it.
    ([], None),
    ([""], None),
    ([f"{CLIENT},"], None),
    ([CLIENT, ""], None),
    ([f"{CLIENT}, unknown"], None),
    ([f"{CLIENT}, 1.2.3"], None),
    ([f"{CLIENT}, fe80::1%eth0"], None),
)


@pytest.mark.parametrize("cloud", [CLOUD, OPERATOR])
async def test_of_a_trusted_proxy_the_last_entry_is_the_client(cloud: str) -> None:
    """In any number of lines, with a port or not, IPv6 too; nothing that stands before it is ever taken for it."""
    async with balancer(**BY_HEADER) as haproxy:
        for lines, expected in ONE_HOP:
            assert await status(haproxy, request(lines), cloud) == 200
            assert heard(haproxy) == [[] if expected is None else [expected]], lines


async def test_of_two_trusted_proxies_the_second_entry_from_the_right_is_the_client() -> None:
    """Whether they write into one line or one each; where only one of them wrote, nobody is named."""
    async with balancer(**BY_HEADER, TICKGATE_FORWARDED_HOPS="2") as haproxy:
        for lines, expected in (
            ([f"{CLIENT}, 10.0.0.5"], CLIENT),
            ([f"6.6.6.6, {CLIENT}", "10.0.0.5"], CLIENT),
            (["6.6.6.6", CLIENT, "10.0.0.5"], CLIENT),
            (["6.6.6.6, , 10.0.0.5"], None),
            (["6.6.6.6", "", "10.0.0.5"], None),
            ([CLIENT], None),
        ):
            assert await status(haproxy, request(lines)) == 200
            assert heard(haproxy) == [[] if expected is None else [expected]], lines


async def test_a_quote_among_the_entries_is_refused() -> None:
    """One that a client opens would swallow what the balancer writes behind it."""
    async with balancer(**BY_HEADER) as haproxy:
        for lines in ([f'"6.6.6.6, {CLIENT}'], [f'"6.6.6.6, {CLIENT}"'], ['"', CLIENT], [f'6.6.6.6", {CLIENT}']):
            assert await status(haproxy, request(lines)) == 400
        assert haproxy.requests == []


async def test_who_is_no_trusted_proxy_names_nobody() -> None:
    """Its own address is what counts, whatever it writes, and wherever else a trusted one is."""
    async with balancer(**BY_HEADER, **BY_PROXY) as haproxy:
        for lines in ([CLIENT], [CLOUD], ["127.0.0.1"], [], ['"']):
            assert await status(haproxy, request(lines), STRANGER) == 200
            assert heard(haproxy) == [[STRANGER]]


async def test_the_scheme_is_told_by_the_trusted_proxy_alone() -> None:
    """`X-Forwarded-Proto` of the one that ends TLS stays; a stranger's does not, nor what is no scheme."""
    async with balancer(**BY_HEADER) as haproxy:
        for source, claim, expected in (
            (CLOUD, "https", "https"),
            (CLOUD, "gopher", "http"),
            (STRANGER, "https", "http"),
        ):
            extra = f"X-Forwarded-Proto: {claim}\r\nConnection: close\r\n"
            assert await status(haproxy, request([CLIENT], extra), source) == 200
            assert [one.headers.getall("X-Forwarded-Proto") for one in haproxy.requests] == [[expected]]
            heard(haproxy)


@pytest.mark.parametrize("cloud", [CLOUD, OPERATOR])
async def test_behind_a_trusted_proxy_requests_are_limited_by_client(cloud: str) -> None:
    """Also where their connections are shared, which go on; who is not named shares the proxy's own limit."""
    async with balancer(**BY_HEADER, TICKGATE_REQUEST_RATE_PER_IP="3") as haproxy:
        async with socket(haproxy.port, cloud) as (reader, writer):
            answers = []
            for client in (CLIENT, CLIENT, OTHER, CLIENT, CLIENT, OTHER):
                writer.write(request([f"6.6.6.{len(answers)}, {client}"], "Connection: keep-alive\r\n"))
                answers.append(int((await reader.readuntil(b"\r\n\r\n"))[9:12]))
                if answers[-1] == 429:
                    await reader.readuntil(b"</html>\n")
            assert answers == [200, 200, 200, 200, 429, 200]
        # A balancer's word that is none spares nobody, also where the balancer is on this very machine.
        unnamed = [await status(haproxy, request([CLIENT, ""]), cloud) for _ in range(4)]
        assert (unnamed[0], unnamed[-1]) == (200, 429)
        assert await status(haproxy, request(["203.0.113.9"]), cloud) == 200


async def test_behind_a_trusted_proxy_connections_are_limited_by_client() -> None:
    """So many WebSockets of one client, or one /64, at once; others come in, and it does when one has gone."""
    async with (
        balancer(**BY_HEADER, TICKGATE_MAX_CONNECTIONS_PER_IP="2") as haproxy,
        contextlib.AsyncExitStack() as exits,
    ):

        async def comes_in(client: str) -> int:
            return await exits.enter_async_context(websocket(haproxy, request([client], UPGRADE, "/ws")))

        async with websocket(haproxy, request([CLIENT], UPGRADE, "/ws")) as first:
            assert first == 101
            assert [await comes_in(client) for client in (CLIENT, CLIENT, OTHER)] == [101, 429, 101]
            of_one_site = [await comes_in(f"[2001:db8::{host}]:1") for host in (1, 2, 3)]
            assert (of_one_site, await comes_in("2001:db8:0:1::1")) == ([101, 101, 429], 101)

        async def readmitted() -> bool:
            return await comes_in(CLIENT) == 101

        await eventually(readmitted, within_s=20)


async def test_behind_a_trusted_proxy_handshakes_are_limited_by_client() -> None:
    """So many in ten seconds; pages are requests and no connections."""
    async with balancer(**BY_HEADER, TICKGATE_CONNECT_RATE_PER_IP="2") as haproxy:
        assert [await status(haproxy, request([CLIENT])) for _ in range(4)] == [200] * 4
        for client, expected in ((CLIENT, 101), (CLIENT, 101), (CLIENT, 429), (OTHER, 101)):
            async with websocket(haproxy, request([client], UPGRADE, "/ws")) as answer:
                assert answer == expected


@pytest.mark.parametrize("header", [proxy_v1, proxy_v2])
async def test_by_proxy_protocol_the_header_names_the_client(header: object) -> None:
    """What the client itself writes into the request stays worthless; a check of the balancer's own is its own."""
    assert callable(header)
    async with balancer(**BY_PROXY) as haproxy:
        for client in (CLIENT, "2001:db8::7"):
            assert await status(haproxy, header(client) + request(["6.6.6.6", CLOUD])) == 200
            assert heard(haproxy) == [[client]]
        assert await status(haproxy, proxy_v2(None) + request()) == 200
        assert await status(haproxy, b"PROXY UNKNOWN\r\n" + request()) == 200
        assert heard(haproxy) == [[CLOUD]] * 2


async def test_by_proxy_protocol_only_the_balancer_is_heard() -> None:
    """A stranger's header is a wrong request; and the balancer without one is cut off."""
    async with balancer(**BY_PROXY) as haproxy:
        for header in (proxy_v1(CLIENT), proxy_v2(CLIENT), proxy_v2(None)):
            assert await status(haproxy, header + request(), STRANGER) == 400
            assert await status(haproxy, header + request(), OPERATOR) == 400
            # A second header, as a client behind the balancer may write one.
            assert await status(haproxy, proxy_v1(OTHER) + header + request()) == 400
        assert await status(haproxy, request([CLIENT])) == 0
        assert haproxy.requests == []


async def test_by_proxy_protocol_clients_are_limited_each_by_itself() -> None:
    """Connections at once, new ones, and requests; and the balancer itself, whose all these are, is not."""
    limits = {"TICKGATE_MAX_CONNECTIONS_PER_IP": "2", "TICKGATE_REQUEST_RATE_PER_IP": "4"}
    async with balancer(**BY_PROXY, **limits) as haproxy, contextlib.AsyncExitStack() as exits:
        for client, expected in ((CLIENT, 101), (CLIENT, 101), (OTHER, 101), (CLIENT, 429), (CLIENT, 0), (OTHER, 101)):
            data = proxy_v2(client) + request((), UPGRADE, "/ws")
            assert await exits.enter_async_context(websocket(haproxy, data)) == expected
        third = "203.0.113.9"
        answers = [await status(haproxy, proxy_v1(third) + request()) for _ in range(5)]
        assert answers == [200] * 4 + [429]
    async with balancer(**BY_PROXY, TICKGATE_CONNECT_RATE_PER_IP="2") as haproxy:
        answers = [await status(haproxy, proxy_v1(CLIENT) + request()) for _ in range(4)]
        assert answers == [200, 200, 429, 0]
        assert await status(haproxy, proxy_v1(OTHER) + request()) == 200


async def test_by_proxy_protocol_tls_ends_here(tmp_path: Path) -> None:
    """The header comes before the TLS handshake, and the client that it names is who is limited."""
    authority = trustme.CA()
    certificate = tmp_path / "cert.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    variables = {"TICKGATE_CERT": str(certificate), "TICKGATE_CONNECT_RATE_PER_IP": "2"}
    async with balancer(**BY_PROXY, **variables) as haproxy:

        async def over_tls(client: str) -> bytes:
            async with socket(haproxy.tls_port, CLOUD) as (reader, writer):
                writer.write(proxy_v2(client))
                await writer.start_tls(trusting, server_hostname="127.0.0.1")
                writer.write(request())
                return (await said(reader))[9:12]

        assert [await over_tls(CLIENT) for _ in range(3)] == [b"200", b"200", b"429"]
        assert await over_tls(OTHER) == b"200"
        assert heard(haproxy).count([CLIENT]) == 2


async def test_a_trusted_proxy_may_stand_behind_a_balancer_with_the_proxy_protocol() -> None:
    """The header tells which proxy, and its `X-Forwarded-For` the client; no client is a proxy for what it claims."""
    async with balancer(**BY_PROXY, TICKGATE_TRUSTED_PROXIES="198.51.100.0/24") as haproxy:
        assert await status(haproxy, proxy_v2("198.51.100.3") + request(["6.6.6.6", CLIENT])) == 200
        assert await status(haproxy, proxy_v2(OTHER) + request(["198.51.100.3", CLIENT])) == 200
        assert sorted(heard(haproxy)) == [[CLIENT], [OTHER]]


@pytest.mark.parametrize("way", ["straight", "proxy", "header"])
@pytest.mark.parametrize(
    "limit", ["TICKGATE_MAX_CONNECTIONS_PER_IP", "TICKGATE_CONNECT_RATE_PER_IP", "TICKGATE_REQUEST_RATE_PER_IP"]
)
async def test_the_log_tells_once_who_met_which_limit(way: str, limit: str) -> None:
    """One line with the address, the setting and its value, and none for all the further tries of a minute."""
    variables = {"straight": {}, "proxy": BY_PROXY, "header": {"TICKGATE_TRUSTED_PROXIES": CLOUD}}[way]
    source = STRANGER if way == "straight" else CLOUD
    path = "/ws" if limit.startswith("TICKGATE_M") else "/"

    async with balancer(**variables, **{limit: "2"}) as haproxy, contextlib.AsyncExitStack() as exits:
        for client in [STRANGER] * 8 if way == "straight" else [CLIENT] * 8 + [OTHER] * 4:
            begin = proxy_v2(client) if way == "proxy" else b""
            data = begin + request([client] if way == "header" else (), UPGRADE, path)
            await exits.enter_async_context(websocket(haproxy, data, source))

        await all_logged(haproxy)
        told = [line for line in haproxy.log if "_PER_IP" in line]
        addresses = [STRANGER] if way == "straight" else [CLIENT, OTHER]
        assert [line.partition(":")[0] for line in told] == addresses
        assert all(" 429 " in line and line.endswith(f" {limit}=2 GET {path}") for line in told)


async def test_the_log_is_not_flooded_by_many_addresses_that_meet_a_limit() -> None:
    """A hundred of them in a minute have a line; all are refused, and counted."""
    async with balancer(**BY_HEADER, TICKGATE_REQUEST_RATE_PER_IP="1") as haproxy:
        async with socket(haproxy.port, CLOUD) as (reader, writer):
            for number in range(130):
                for expected in (b"200", b"429"):
                    writer.write(request([f"203.0.113.{number}"], ""))
                    assert (await reader.readuntil(b"\r\n\r\n"))[9:12] == expected
                await reader.readuntil(b"</html>\n")

        await all_logged(haproxy, STRANGER)
        assert sum("TICKGATE_REQUEST_RATE_PER_IP=1" in line for line in haproxy.log) == 100
