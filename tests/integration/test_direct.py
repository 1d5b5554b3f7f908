"""Gateways without a front: TLS, the private port, limits of each process, and a port that one of them leaves."""

import asyncio
import contextlib
import signal
from collections import Counter

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from deploy.ports import free_port
from tests.integration.front_kinds import front_plan
from tests.integration.sockets import said, socket
from tests.integration.stacks import GATEWAY_COUNT, http_status, running, ws_url
from tests.integration.test_edge import STRANGER, Certificate
from tests.integration.test_front_faults import Newcomers

pytestmark = pytest.mark.integration

STORM = 20
"""Newcomers at a time."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One for all tests: a key takes a while to make."""
    return Certificate(tmp_path_factory.mktemp("certificate"))


async def test_prices_come_over_tls_and_operators_have_a_port_of_their_own(certificate: Certificate) -> None:
    """Plain text is not served to the public; metrics only at the private port, and without TLS."""
    plan = front_plan("direct", TICKGATE_CERT=str(certificate.file), TICKGATE_TLS_BIND=f"127.0.0.1:{free_port()}")
    async with running(plan):
        async with connect(f"wss://{plan.tls}/ws", ssl=certificate.client) as client, asyncio.timeout(30):
            await client.send('{"type":"subscribe","symbols":["BTCUSDT"]}')
            while '"tick"' not in str(await client.recv()):
                pass
        async with aiohttp.ClientSession() as session:
            for path, status in (("/", 200), ("/readyz", 200), ("/metrics", 404)):
                async with session.get(f"https://{plan.tls}{path}", ssl=certificate.client) as response:
                    assert response.status == status
                    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert plan.tls is not None
        async with socket(plan.tls.port) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP" not in await said(reader)
        for gateway in plan.gateways:
            assert await http_status(f"http://{gateway.listens[0]}/metrics") == 200


async def test_limits_of_an_address_are_those_of_each_process() -> None:
    """One connection of one address at each gateway: at most as many as there are gateways, and at least one."""
    async with running(front_plan("direct", MAX_CONNECTIONS_PER_IP="1")) as stack, contextlib.AsyncExitStack() as exits:
        held, refused = 0, []
        for _ in range(4 * GATEWAY_COUNT):
            try:
                await exits.enter_async_context(connect(ws_url(stack), local_addr=(STRANGER, 0)))
                held += 1
            except InvalidStatus as error:
                refused.append(error.response.status_code)
        assert 1 <= held <= GATEWAY_COUNT
        assert refused == [429] * (4 * GATEWAY_COUNT - held)


async def test_a_gateway_that_leaves_the_port_loses_nobody_who_waits_in_its_queue() -> None:
    """Under a storm of newcomers at most one for each: the queue has room for one as the socket is closed."""
    async with running(front_plan("direct", DRAIN_SECONDS="2")) as stack:
        storm = [Newcomers(ws_url(stack)) for _ in range(STORM)]
        try:
            leaving = stack.plan.gateways[:2]
            for gateway in leaving:
                await storm[0].some()
                process = stack[gateway.name]
                process.send(signal.SIGTERM)
                async with asyncio.timeout(30):
                    assert await process.ended() == 0
                await stack.until_ready(gateway.name)
            refused = sum((newcomers.refused for newcomers in storm), Counter[str]())
            assert refused.total() <= len(leaving), refused
        finally:
            for newcomers in storm:
                await newcomers.end()
