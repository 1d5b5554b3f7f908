"""The probe of Binance, and its consequences."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.ports import free_port
from market.prices.instruments import Instrument
from poller.network.endpoints import Endpoints
from poller.source import LinkState, Listener, NullListener, Source, Update
from poller.venues import auto
from poller.venues.auto import ProbeResult
from tests.poller.listening import RecordingListener, eventually
from tests.serving import serving

PING = "/api/v3/ping"
look = partial(auto.look, ping=PING)
Auto = partial(auto.Auto, ping=PING)


def now_us() -> int:
    """Return the wall time, in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class Pinged:
    """A server that answers pings with the status that its path names, or never."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        app = web.Application()
        app.router.add_get("/{status}/api/v3/ping", self._ping)
        self.server = TestServer(app)

    async def _ping(self, request: web.Request) -> web.Response:
        self.paths.append(status := request.match_info["status"])
        if status == "silent":
            await asyncio.Event().wait()
        headers = {"Location": "/200", **self.headers}
        return web.json_response({"code": 0, "msg": "so"}, status=int(status), headers=headers)

    def at(self, *statuses: str) -> Endpoints:
        return Endpoints("pings", [str(self.server.make_url(f"/{status}")) for status in statuses])


@pytest.fixture
async def pinged() -> AsyncIterator[Pinged]:
    """Serve what answers pings."""
    pinged = Pinged()
    await pinged.server.start_server(shutdown_timeout=0)
    yield pinged
    await pinged.server.close()


async def test_an_exchange_that_answers_its_ping_is_there(pinged: Pinged) -> None:
    """An exchange that answers 200 is there, without a reason."""
    assert ProbeResult(True) == await look(pinged.at("200"), now_us)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 451, 500, 503])
async def test_one_that_answers_anything_else_is_there_too(pinged: Pinged, status: int) -> None:
    """A refusal is reported with its reason; an exchange that refuses is there."""
    assert ProbeResult(True, f"HTTP {status}: so") == await look(pinged.at(str(status)), now_us)


@pytest.mark.parametrize("status", [418, 429])
async def test_a_ban_is_obeyed_by_who_looks_again(pinged: Pinged, status: int) -> None:
    """During a ban no URL is probed, and the reason stays."""
    pinged.headers = {"Retry-After": "60"}
    endpoints = pinged.at(str(status), "200")
    expected = ProbeResult(True, f"HTTP {status}, asked to wait 60 s: so")
    assert expected == await look(endpoints, now_us)
    assert expected == await look(endpoints, now_us)
    assert [str(status)] == pinged.paths


async def test_one_that_never_answers_is_given_up_in_time(pinged: Pinged) -> None:
    """All URLs together take no longer than one."""
    assert 5 == auto.PROBE_TIMEOUT_S
    started = asyncio.get_running_loop().time()
    assert ProbeResult(False, "no answer within 0.1 s") == await look(pinged.at("silent", "silent"), now_us, 0.2)
    assert asyncio.get_running_loop().time() - started < 2


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_nobody_there(host: str) -> None:
    """A refused connection or an unknown host means that nothing answers."""
    sight = await look(Endpoints("pings", [f"http://{host}:{free_port()}"]), now_us)
    assert not sight.there
    assert sight.reason in {"Connection refused"} or sight.reason.startswith("no such host: ")


async def test_a_wrong_certificate_is_an_answer() -> None:
    """It is told by name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def answer_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with serving(answer_nothing, context=context) as port:
        sight = await look(Endpoints("pings", [f"https://127.0.0.1:{port}"]), now_us)
    assert ProbeResult(True, "certificate: unable to get local issuer certificate") == sight


async def test_who_hangs_up_is_there() -> None:
    """An exchange that accepts the connection and fails is there."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with serving(hang_up) as port:
        sight = await look(Endpoints("pings", [f"http://127.0.0.1:{port}"]), now_us)
    assert sight.there
    assert sight.reason


@pytest.mark.parametrize(
    ("statuses", "expected", "used"),
    [
        (["503", "200"], ProbeResult(True), 1),
        (["silent", "200"], ProbeResult(True), 1),
        (["silent", "451"], ProbeResult(True, "HTTP 451: so"), 0),
        (["403", "silent"], ProbeResult(True, "HTTP 403: so"), 0),
    ],
)
async def test_urls_are_tried_in_turn(pinged: Pinged, statuses: list[str], expected: ProbeResult, used: int) -> None:
    """The first URL that works is used from then on; a refusal is reported before a silence."""
    endpoints = pinged.at(*statuses)
    assert expected == await look(endpoints, now_us, 0.5)
    assert endpoints.urls[used] == endpoints.current


class Scripted:
    """A source that emits one price of its own, and waits."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended = False
        self.doubted: list[str] = []
        self.served: list[str] = []
        self.state = LinkState("simulated", "up", name, 0)

    async def instruments(self) -> Mapping[str, Instrument]:
        return {self.name: Instrument("trading")}

    def doubt(self, symbol: str) -> None:
        self.doubted.append(symbol)

    def serve(self, symbols: Iterable[str]) -> None:
        self.served += symbols

    async def run(self, listener: Listener) -> Source | None:
        listener.update(Update(symbol=self.name, recv_us=0))
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True
        return None


async def test_simulates_until_the_exchange_is_there(pinged: Pinged, caplog: pytest.LogCaptureFixture) -> None:
    """It probes periodically; when something answers, the simulator ends and the exchange's source is returned."""
    simulated, real = Scripted("simulated"), Scripted("real")
    port = free_port()
    endpoints = Endpoints("pings", [f"http://127.0.0.1:{port}"])
    assert 60 == auto.LOOK_AGAIN_S
    source = Auto(simulated, lambda: real, endpoints, now_us, again_s=0.02)
    assert {"simulated": Instrument("trading")} == await source.instruments()
    listener = RecordingListener()
    running = asyncio.ensure_future(source.run(listener))
    await eventually(lambda: listener.updates)
    assert ("simulated", simulated.state) == (listener.updates[0].symbol, source.state)
    source.serve(["A1", "B1"])
    source.doubt("A1")
    assert (["A1", "B1"], ["A1"]) == (simulated.served, simulated.doubted)
    server = web.AppRunner(app := web.Application())
    app.router.add_get("/api/v3/ping", _pong)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", port).start()
    try:
        assert await asyncio.wait_for(running, 10) is real
    finally:
        await server.cleanup()
    assert simulated.ended
    assert f"http://127.0.0.1:{port} answers: no more simulated prices" in caplog.text


async def _pong(_: web.Request) -> web.Response:
    return web.json_response({})


async def test_refusals_end_the_simulation_too(pinged: Pinged, caplog: pytest.LogCaptureFixture) -> None:
    """After a refusal the exchange's source takes over: prices are simulated only if nothing answers."""
    real = Scripted("real")
    source = Auto(Scripted("simulated"), lambda: real, pinged.at("451"), now_us, again_s=0.01)
    assert await asyncio.wait_for(source.run(NullListener()), 10) is real
    assert "answers, though HTTP 451: so: no more simulated prices" in caplog.text


async def test_a_simulator_that_is_stopped_stops() -> None:
    """A cancellation ends the simulator and the probes."""
    simulated = Scripted("simulated")
    source = Auto(simulated, lambda: simulated, Endpoints("pings", ["http://127.0.0.1:9"]), now_us)
    running = asyncio.ensure_future(source.run(NullListener()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert simulated.ended
