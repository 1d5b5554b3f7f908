"""HAProxy with ``haproxy.cfg``, or another front, on free ports, in front of stand-ins for the gateways."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.fronts import addresses as places
from deploy.fronts import chosen, values
from deploy.launcher.programs import find_haproxy
from deploy.ports import free_port
from deploy.process.processes import Process
from deploy.settings import Variables
from tests.integration.stacks import GATEWAY_COUNT, answers, environment
from tests.waiting import until

METRICS = "for operators only"
"""A stand-in's answer at ``/metrics``."""


class StandIn:
    """A stand-in for a gateway: it says whether it is ready, and answers everything else.

    A WebSocket gets its own messages back.
    """

    def __init__(self, host: str = "127.0.0.1", port: int | None = None, tls: ssl.SSLContext | None = None) -> None:
        """It listens on a free port if none is given, and speaks TLS if it has a context for that."""
        self.tls = tls
        self.ready_status = 200
        self.status = 200
        self.requests: list[web.Request] = []
        app = web.Application()
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_route("*", "/{path:.*}", self._anything)
        self.server = TestServer(app, host=host, port=port)

    async def _readyz(self, _request: web.Request) -> web.Response:
        return web.Response(status=self.ready_status)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(text=METRICS)

    async def _anything(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if request.headers.get("Upgrade") != "websocket":
            await request.read()
            return web.Response(status=self.status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data)
        return socket

    async def until_left_alone(self) -> None:
        """Wait until every connection has ended: a newly accepted one would survive the server's close."""
        runner = self.server.runner
        # Twice: we get a connection one turn of the loop after the kernel has accepted it.
        for _ in range(2):
            await asyncio.sleep(0.01)
            await until(lambda: runner is None or runner.server is None or not runner.server.connections)


class Balancer:
    """A running front, its stand-ins and what it has logged."""

    def __init__(self, stand_ins: list[StandIn]) -> None:
        self.stand_ins = stand_ins
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_port = free_port()
        """Listens with TICKGATE_CERT only."""
        self.stats_url = f"http://127.0.0.1:{free_port()}"
        self.tls_url = f"https://127.0.0.1:{self.tls_port}"
        self.log: list[str] = []
        self.process: Process

    @property
    def requests(self) -> list[web.Request]:
        """All requests that came through, without the balancer's own."""
        return [request for stand_in in self.stand_ins for request in stand_in.requests]


@asynccontextmanager
async def balancer(
    stand_ins: list[StandIn] | None = None, /, mode: str = "-db", front: str = "haproxy", **variables: str
) -> AsyncIterator[Balancer]:
    """A balancer in service, with ``variables`` that add to its addresses or replace them; see `starting_balancer`."""
    async with starting_balancer(stand_ins, mode, front, **variables) as balancer:
        await answers(f"{balancer.url}/readyz", 200)
        yield balancer


@asynccontextmanager
async def starting_balancer(
    stand_ins: list[StandIn] | None = None, /, mode: str = "-db", front: str = "haproxy", **variables: str
) -> AsyncIterator[Balancer]:
    """A balancer that has been started, and may not be in service yet.

    With ``mode`` "-W" a master runs HAProxy, as in an installation. ``front`` is what `FRONT` may name.
    """
    balancer = Balancer(stand_ins if stand_ins is not None else [StandIn() for _ in range(GATEWAY_COUNT)])
    async with AsyncExitStack() as exits:
        addresses = {
            "TICKGATE_BIND": f"127.0.0.1:{balancer.port}",
            "TICKGATE_TLS_BIND": f"127.0.0.1:{balancer.tls_port}",
            "TICKGATE_STATS_BIND": balancer.stats_url.removeprefix("http://"),
        }
        for number, stand_in in enumerate(balancer.stand_ins, start=1):
            await stand_in.server.start_server(ssl=stand_in.tls)
            exits.push_async_callback(stand_in.server.close)
            addresses[f"TICKGATE_GATEWAY_{number}"] = f"127.0.0.1:{stand_in.server.port}"
        env = environment(**(addresses | variables))
        program = None if front == "haproxy" else _other(front, env)
        process = Process(
            front,
            (str(find_haproxy()), mode, "-f", "haproxy.cfg") if program is None else program.command,
            env=env,
            say=lambda _, line: balancer.log.append(line),
        )
        for stand_in in balancer.stand_ins:
            exits.push_async_callback(stand_in.until_left_alone)
        exits.push_async_callback(process.stop, 10)
        # The folder of its configuration goes with this object.
        exits.callback(lambda: program)
        await process.start()
        balancer.process = process
        yield balancer


def _other(front: str, env: dict[str, str]) -> chosen.Started:
    """Another front than HAProxy, made of the variables as `tickgate front` does it."""
    variables = Variables(env)
    listening, gateways = places.of_front(variables), places.of_gateways(variables)
    return chosen.start(front, values.read(variables.both, listening, gateways))
