"""REST requests, and the limits that they keep."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.ports import free_port
from poller.network.counters import Counters
from poller.network.endpoints import Endpoints
from poller.rest.client import Failure, RestClient
from poller.rest.timing import RestTiming
from poller.venues.binance.queries import symbols_query
from poller.venues.binance.rest import BinanceRestDialect
from tests.exchange import Exchange
from tests.poller.listening import LIMITS, REST
from tests.waiting import until


def new_client(where: Endpoints | str, timing: RestTiming, **more: Any) -> RestClient:
    """A client with Binance's dialect."""
    return RestClient(where, BinanceRestDialect(), timing, Counters(), **more)


class Recorder:
    """A server that answers everything with the same headers, and records the requests."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        self.status = 200
        self.body = b"{}"
        self.under_way = 0
        self.most_under_way = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.paths.append(request.raw_path)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.01)
        self.under_way -= 1
        return web.Response(status=self.status, headers=self.headers, body=self.body)


@pytest.fixture
async def recorder() -> Recorder:
    """Make a recorder inside the event loop."""
    return Recorder()


@pytest.fixture
async def api(recorder: Recorder) -> AsyncIterator[RestClient]:
    """The interface on the recorder."""
    app = web.Application()
    app.router.add_get("/{path:.*}", recorder.handle)
    async with (
        TestServer(app) as server,
        new_client(str(server.make_url("")), REST) as api,
    ):
        yield api


async def test_list_is_encoded_to_the_letter(api: RestClient, recorder: Recorder) -> None:
    """Brackets, quotes and commas are all percent-encoded on the wire."""
    assert b"{}" == await api.get("/api/v3/ticker/24hr", symbols_query(("BTCUSDT", "ETHUSDT")), 2)
    assert ["/api/v3/ticker/24hr?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D"] == recorder.paths


async def test_names_of_any_script_are_encoded_as_utf8(api: RestClient, recorder: Recorder) -> None:
    """The length of a list is that of its encoded form."""
    await api.get("/x", symbols_query(("币USDT", "A/B")), 2)
    assert ["/x?symbols=%5B%22%E5%B8%81USDT%22%2C%22A%2FB%22%5D"] == recorder.paths
    assert {} == symbols_query(tuple(f"{'币' * 20}{number}" for number in range(30)))


async def test_one_request_at_a_time(api: RestClient, recorder: Recorder) -> None:
    """Many concurrent requests reach the exchange one after the other."""
    await asyncio.gather(*(api.get("/x", {}, 1) for _ in range(8)))
    assert (8, 1) == (len(recorder.paths), recorder.most_under_way)


async def test_used_weight_is_read(api: RestClient, recorder: Recorder) -> None:
    """The exchange's own count replaces ours."""
    recorder.headers = {"X-MBX-USED-WEIGHT-1M": "1234"}
    await api.get("/x", {}, 1)
    assert 1234 == api.budget.used


@pytest.mark.parametrize("header", ["", "many", "-5", "1.5", "9" * 400, "\N{ARABIC-INDIC DIGIT THREE}"])
async def test_senseless_weight_is_ignored(api: RestClient, recorder: Recorder, header: str) -> None:
    """A header that is not a number leaves our own count."""
    recorder.headers = {"X-MBX-USED-WEIGHT-1M": header}
    await api.get("/x", {}, 7)
    assert 7 == api.budget.used


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}])
async def test_ban_without_an_end_holds_the_default(recorder: Recorder, headers: dict[str, str]) -> None:
    """A 429 without a time bans for two minutes, the next one for longer."""
    app = web.Application()
    app.router.add_get("/{path:.*}", recorder.handle)
    recorder.status, recorder.headers = 429, headers
    async with (
        TestServer(app) as server,
        new_client(str(server.make_url("")), RestTiming()) as api,
    ):
        assert Failure("HTTP 429, waiting 120 s", banned=True) == await api.get("/x", {}, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await api.get("/x", {}, 1)
    assert 1 == len(recorder.paths)


async def test_no_ban_is_for_ever(recorder: Recorder) -> None:
    """The exchange's longest ban is three days; a longer time is a mistake."""
    app = web.Application()
    app.router.add_get("/{path:.*}", recorder.handle)
    recorder.status, recorder.headers = 429, {"Retry-After": "999999999"}
    async with (
        TestServer(app) as server,
        new_client(str(server.make_url("")), RestTiming()) as api,
    ):
        assert Failure("HTTP 429, asked to wait 259200 s", banned=True) == await api.get("/x", {}, 1)


async def test_an_answer_has_an_end(api: RestClient, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small compressed answer is unpacked only up to the size of a good answer."""
    monkeypatch.setattr("poller.rest.client._MAX_BODY_BYTES", 2 << 20)
    recorder.headers = {"Content-Encoding": "gzip"}
    recorder.body = gzip.compress(bytes(2 << 20))
    assert bytes(2 << 20) == await api.get("/x", {}, 1)
    recorder.body = gzip.compress(bytes(100 << 20))
    assert Failure("an answer of more than 2 MiB") == await api.get("/x", {}, 1)


async def test_redirects_are_not_followed(api: RestClient, recorder: Recorder) -> None:
    """A redirect is a fault and is not followed."""
    recorder.status, recorder.headers = 302, {"Location": "/elsewhere"}
    assert Failure("HTTP 302") == await api.get("/x", {}, 1)
    assert ["/x"] == recorder.paths


async def test_exchange_tells_why() -> None:
    """Code and message of an error answer are in the fault."""
    async with (
        Exchange(["BTCUSDT"], LIMITS) as exchange,
        new_client(exchange.rest_url, REST) as api,
    ):
        failure = await api.get("/api/v3/ticker/bookTicker", {"symbol": "NOPE"}, 2)
    assert Failure("HTTP 400: Invalid symbol.", -1121) == failure


NOW_US = 1_795_000_000_000_000
BODY = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until 1795000120000. So."}'


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"Retry-After": "30"}, BODY, "asked to wait 30 s"),
        ({}, BODY, "asked to wait 120 s"),
        ({"Retry-After": "soon"}, BODY, "asked to wait 120 s"),
        ({"Retry-After": "Wed, 18 Nov 2026 11:07:40 GMT"}, b"", "asked to wait 60 s"),
        ({"Retry-After": "Wed, 18 Nov 2020 11:07:40 GMT"}, b"", "waiting 120 s"),
        ({"Retry-After": "0"}, b"", "asked to wait 1 s"),
        ({}, b'{"code":-1003,"msg":"IP banned until 1794999999000."}', "waiting 120 s"),
        ({}, b'{"code":-1003,"msg":"IP banned until 99999999999999999."}', "waiting 120 s"),
        ({}, b'{"code":-1003,"msg":"IP banned until 9999999999999."}', "asked to wait 259200 s"),
        ({}, b"<html><title>Slow down</title>", "waiting 120 s: Slow down"),
        ({}, b"", "waiting 120 s"),
    ],
)
async def test_how_long_a_ban_lasts(recorder: Recorder, headers: dict[str, str], body: bytes, expected: str) -> None:
    """``Retry-After``, in seconds or as a date, else the time in the message, else a guess; three days at most."""
    app = web.Application()
    app.router.add_get("/{path:.*}", recorder.handle)
    recorder.status, recorder.headers, recorder.body = 418, headers, body
    async with (
        TestServer(app) as server,
        new_client(str(server.make_url("")), RestTiming(), now_us=lambda: NOW_US) as api,
    ):
        failure = await api.get("/x", {}, 1)
        assert isinstance(failure, Failure)
        assert failure.banned
        assert failure.reason.startswith(f"HTTP 418, {expected}")
        assert (failure, failure.reason) == (api.failure, api.ban_reason)


async def test_a_ban_is_everybodys(recorder: Recorder) -> None:
    """A ban of one user holds for all users of the endpoints, with its reason."""
    app = web.Application()
    app.router.add_get("/{path:.*}", recorder.handle)
    recorder.status, recorder.headers = 429, {"Retry-After": "60"}
    async with TestServer(app) as server:
        endpoints = Endpoints("REST", [str(server.make_url("")), str(server.make_url("/other"))])
        async with new_client(endpoints, REST) as api:
            await api.get("/x", {}, 1)
        async with new_client(endpoints, REST) as other:
            waiting = asyncio.ensure_future(other.get("/y", {}, 1))
            await until(lambda: other.failure is not None)
            assert Failure("HTTP 429, asked to wait 60 s", banned=True) == other.failure
            assert not waiting.done()
            waiting.cancel()
            await asyncio.wait((waiting,))
    assert ["/x"] == recorder.paths


async def test_the_reason_stays_until_it_is_over(api: RestClient, recorder: Recorder) -> None:
    """The newest fault is kept until a request succeeds."""
    recorder.status, recorder.body = 403, b"<title>Forbidden here</title>"
    assert Failure("HTTP 403: Forbidden here") == await api.get("/x", {}, 1)
    assert Failure("HTTP 403: Forbidden here") == api.failure
    recorder.status, recorder.body = 200, b"{}"
    await api.get("/x", {}, 1)
    assert api.failure is None


@pytest.mark.parametrize(
    ("status", "body", "moves"),
    [(503, b"", True), (403, b"", True), (451, b"", True), (404, b"", True), (400, b'{"code":-1121,"msg":"x"}', False)],
)
async def test_another_url_is_tried_where_one_does_not_serve(
    api: RestClient, recorder: Recorder, status: int, body: bytes, moves: bool
) -> None:
    """An error code of the exchange does not switch to another URL."""
    base = api._endpoints.current  # what the fixture made
    endpoints = Endpoints("REST", [f"{base}/a", f"{base}/b"])
    async with new_client(endpoints, REST) as api:
        recorder.status, recorder.body = status, body
        await api.get("/x", {}, 1)
        await api.get("/x", {}, 1)
    assert (["/a/x", "/b/x"] if moves else ["/a/x", "/a/x"]) == recorder.paths


async def test_an_url_where_nobody_listens_is_left(api: RestClient, recorder: Recorder) -> None:
    """The fault has the URL and the system's reason; the next request goes to the other URL."""
    base, dead = api._endpoints.current, f"http://127.0.0.1:{free_port()}"
    async with new_client(Endpoints("REST", [dead, base]), REST) as api:
        assert Failure(f"cannot reach {dead}: Connection refused") == await api.get("/x", {}, 1)
        assert b"{}" == await api.get("/x", {}, 1)
