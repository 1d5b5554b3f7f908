"""Whose a connection is where a cloud's balancer stands before HAProxy: by PROXY protocol, or by `X-Forwarded-For`.

The balancer is the test, at 127.0.0.9, and then at 127.0.0.1, which by itself has no limits.
"""

import contextlib
import ssl
from pathlib import Path

import pytest
import trustme

from tests.integration.balancers import balancer
from tests.integration.clouds import (
    BY_HEADER,
    BY_PROXY,
    CLIENT,
    CLOUD,
    OTHER,
    STRANGER,
    UPGRADE,
    forwarded,
    proxy_v1,
    proxy_v2,
    request,
    status,
    websocket,
)
from tests.integration.sockets import OPERATOR, said, socket
from tests.integration.stacks import eventually

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

ONE_HOP: tuple[tuple[list[str], str | None], ...] = (
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
            assert forwarded(haproxy) == [[] if expected is None else [expected]], lines


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
            assert forwarded(haproxy) == [[] if expected is None else [expected]], lines


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
            assert forwarded(haproxy) == [[STRANGER]]


async def test_the_scheme_is_reported_by_the_trusted_proxy_alone() -> None:
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
            forwarded(haproxy)


@pytest.mark.parametrize("cloud", [CLOUD, OPERATOR])
async def test_behind_a_trusted_proxy_requests_are_limited_by_client(cloud: str) -> None:
    """Also where their connections are shared, which go on; who is not named shares the proxy's own limit."""
    async with balancer(**BY_HEADER, TICKGATE_REQUEST_RATE_PER_IP="3") as haproxy:
        async with socket(haproxy.port, cloud) as (reader, writer):
            answers: list[int] = []
            for client in (CLIENT, CLIENT, OTHER, CLIENT, CLIENT, OTHER):
                writer.write(request([f"6.6.6.{len(answers)}, {client}"], "Connection: keep-alive\r\n"))
                answers.append(int((await reader.readuntil(b"\r\n\r\n"))[9:12]))
                if answers[-1] == 429:
                    await reader.readuntil(b"}")
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
            assert forwarded(haproxy) == [[client]]
        assert await status(haproxy, proxy_v2(None) + request()) == 200
        assert await status(haproxy, b"PROXY UNKNOWN\r\n" + request()) == 200
        assert forwarded(haproxy) == [[CLOUD]] * 2


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
        assert forwarded(haproxy).count([CLIENT]) == 2


async def test_a_trusted_proxy_may_stand_behind_a_balancer_with_the_proxy_protocol() -> None:
    """The header tells which proxy, and its `X-Forwarded-For` the client; no client is a proxy for what it claims."""
    async with balancer(**BY_PROXY, TICKGATE_TRUSTED_PROXIES="198.51.100.0/24") as haproxy:
        assert await status(haproxy, proxy_v2("198.51.100.3") + request(["6.6.6.6", CLIENT])) == 200
        assert await status(haproxy, proxy_v2(OTHER) + request(["198.51.100.3", CLIENT])) == 200
        assert sorted(forwarded(haproxy)) == [[CLIENT], [OTHER]]
