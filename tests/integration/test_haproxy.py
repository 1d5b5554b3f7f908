"""``haproxy.cfg`` in front of stand-ins for the gateways."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.ports import free_port
from deploy.processes import ROOT, Process
from deploy.programs import find_haproxy
from tests.integration.stacks import GATEWAY_COUNT, answers, environment, eventually, http_status

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]


class StandIn:
    """What the load balancer sees of a gateway: whether it is ready, and an answer to everything else."""

    def __init__(self) -> None:
        self.ready_status = 200
        self.status = 200
        self.requests: list[web.Request] = []
        app = web.Application()
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/{path:.*}", self._anything)
        self.server = TestServer(app)

    async def _readyz(self, _request: web.Request) -> web.Response:
        return web.Response(status=self.ready_status)

    async def _anything(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        return web.Response(status=self.status)


class Balancer:
    """A running HAProxy, its stand-ins and what it has logged."""

    def __init__(self) -> None:
        self.stand_ins = [StandIn() for _ in range(GATEWAY_COUNT)]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log: list[str] = []

    @property
    def requests(self) -> list[web.Request]:
        return [request for stand_in in self.stand_ins for request in stand_in.requests]


@asynccontextmanager
async def balancer() -> AsyncIterator[Balancer]:
    balancer = Balancer()
    async with AsyncExitStack() as exits:
        addresses: dict[str, Any] = {}
        for number, stand_in in enumerate(balancer.stand_ins, start=1):
            await stand_in.server.start_server()
            exits.push_async_callback(stand_in.server.close)
            addresses[f"TICKGATE_GATEWAY_{number}"] = f"127.0.0.1:{stand_in.server.port}"
        env = environment(
            TICKGATE_BIND=f"127.0.0.1:{balancer.port}", TICKGATE_STATS_BIND=f"127.0.0.1:{free_port()}", **addresses
        )
        command = (str(find_haproxy()), "-db", "-f", "haproxy.cfg")
        process = Process("haproxy", command, env=env, say=lambda _, line: balancer.log.append(line))
        exits.push_async_callback(process.stop, 10)
        await process.start()
        await answers(f"{balancer.url}/readyz", 200)
        yield balancer


def test_the_configuration_is_accepted_without_a_warning() -> None:
    """``haproxy -c`` has nothing to say but that it is valid, with every variable at its default."""
    check = subprocess.run(
        [str(find_haproxy()), "-c", "-f", "haproxy.cfg"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (check.returncode, check.stdout + check.stderr) == (0, "Configuration file is valid\n")


async def test_a_gateway_hears_where_the_client_is_and_not_what_it_claims() -> None:
    """`X-Forwarded-For` and `Forwarded` of the client's own are gone; one address stands in their place."""
    async with balancer() as haproxy, aiohttp.ClientSession() as session:
        claims = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "7.7.7.7"), ("Forwarded", "for=8.8.8.8")]
        async with session.get(f"{haproxy.url}/ws", headers=claims) as response:
            assert response.status == 200
        (request,) = haproxy.requests
        assert request.headers.getall("X-Forwarded-For") == ["127.0.0.1"]
        assert "Forwarded" not in request.headers


async def test_no_query_reaches_the_log() -> None:
    """A token in a query is passed to the gateway and written nowhere."""
    async with balancer() as haproxy:
        assert await http_status(f"{haproxy.url}/ws?token=hunter2") == 200
        (request,) = haproxy.requests
        assert request.query_string == "token=hunter2"

        async def logged() -> bool:
            return any(line.endswith("GET /ws") for line in haproxy.log)

        await eventually(logged, within_s=10)
        assert [line for line in haproxy.log if "hunter2" in line] == []


async def test_who_sends_half_a_request_is_thrown_out() -> None:
    """A header that is not complete after five seconds is answered with 408 and the end of the connection."""
    async with balancer() as haproxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", haproxy.port)
        writer.write(b"GET /ws HTTP/1.1\r\nHost: tickgate\r\n")
        async with asyncio.timeout(8):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        writer.close()
        assert haproxy.requests == []


async def test_a_request_that_a_gateway_refuses_goes_to_another() -> None:
    """503 from a gateway that takes no more, or no answer from one that is gone: the client notices neither."""
    async with balancer() as haproxy:
        full, gone = haproxy.stand_ins[:2]
        full.status = 503
        await gone.server.close()
        statuses = [await http_status(f"{haproxy.url}/ws") for _ in range(4 * GATEWAY_COUNT)]
        assert statuses == [200] * (4 * GATEWAY_COUNT)


async def test_a_draining_gateway_gets_nobody_new() -> None:
    """After a 404 on its readiness path, every request goes to the others."""
    async with balancer() as haproxy:
        draining = haproxy.stand_ins[0]
        draining.ready_status = 404

        async def noticed() -> bool:
            return any("gateway-1 is stopping" in line for line in haproxy.log)

        await eventually(noticed, within_s=10)
        draining.requests.clear()
        statuses = [await http_status(f"{haproxy.url}/ws") for _ in range(3 * GATEWAY_COUNT)]
        assert statuses == [200] * (3 * GATEWAY_COUNT)
        assert draining.requests == []
