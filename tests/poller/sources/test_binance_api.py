import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from poller.sources.binance import Counters
from poller.sources.binance_api import Api, Fault, symbols_query
from poller.sources.binance_timing import RestTiming
from tests.exchange import Exchange
from tests.poller.sources.listening import LIMITS, REST


class Recorder:
    """A server that answers everything with the same headers, and writes down what it was asked."""

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
    return Recorder()


@pytest.fixture
async def api(recorder: Recorder) -> AsyncIterator[Api]:
    """The interface on the recorder."""
    app = web.Application()
    app.router.add_get("/{path:.*}", recorder.handle)
    async with TestServer(app) as server, Api(str(server.make_url("")), REST, Counters()) as api:
        yield api


def test_query_of_symbols() -> None:
    """One symbol by ``symbol``, several by a JSON list without blanks, very many not at all."""
    assert {"symbol": "BTCUSDT"} == symbols_query(("BTCUSDT",))
    assert {"symbols": '["BTCUSDT","ETHUSDT"]'} == symbols_query(("BTCUSDT", "ETHUSDT"))
    assert {} == symbols_query(tuple(f"S{number}USDT" for number in range(1000)))


async def test_list_is_encoded_to_the_letter(api: Api, recorder: Recorder) -> None:
    """Brackets, quotes and commas are all percent-encoded on the wire."""
    assert b"{}" == await api.get("/api/v3/ticker/24hr", symbols_query(("BTCUSDT", "ETHUSDT")), 2)
    assert ["/api/v3/ticker/24hr?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D"] == recorder.paths


async def test_one_request_at_a_time(api: Api, recorder: Recorder) -> None:
    """However many ask, the exchange sees one after the other."""
    await asyncio.gather(*(api.get("/x", {}, 1) for _ in range(8)))
    assert (8, 1) == (len(recorder.paths), recorder.most_under_way)


async def test_used_weight_is_read(api: Api, recorder: Recorder) -> None:
    """The exchange's own count replaces ours."""
    recorder.headers = {"X-MBX-USED-WEIGHT-1M": "1234"}
    await api.get("/x", {}, 1)
    assert 1234 == api.budget.used


@pytest.mark.parametrize("header", ["", "many", "-5", "1.5", "9" * 400, "\N{ARABIC-INDIC DIGIT THREE}"])
async def test_senseless_weight_is_ignored(api: Api, recorder: Recorder, header: str) -> None:
    """A header that is no number leaves our own count."""
    recorder.headers = {"X-MBX-USED-WEIGHT-1M": header}
    await api.get("/x", {}, 7)
    assert 7 == api.budget.used


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}])
async def test_ban_without_an_end_holds_the_default(recorder: Recorder, headers: dict[str, str]) -> None:
    """A 429 that does not say how long is taken for two minutes."""
    app = web.Application()
    app.router.add_get("/{path:.*}", recorder.handle)
    recorder.status, recorder.headers = 429, headers
    async with TestServer(app) as server, Api(str(server.make_url("")), RestTiming(), Counters()) as api:
        assert Fault("HTTP 429, asked to wait 120 s", banned=True) == await api.get("/x", {}, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await api.get("/x", {}, 1)
    assert 1 == len(recorder.paths)


async def test_no_ban_is_for_ever(recorder: Recorder) -> None:
    """The exchange's longest is three days; what says more is a mistake."""
    app = web.Application()
    app.router.add_get("/{path:.*}", recorder.handle)
    recorder.status, recorder.headers = 429, {"Retry-After": "999999999"}
    async with TestServer(app) as server, Api(str(server.make_url("")), RestTiming(), Counters()) as api:
        assert Fault("HTTP 429, asked to wait 259200 s", banned=True) == await api.get("/x", {}, 1)


async def test_an_answer_has_an_end(api: Api, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little it takes on the wire, no more of it is unpacked than any good answer has."""
    monkeypatch.setattr("poller.sources.binance_api._MAX_BODY_BYTES", 2 << 20)
    recorder.headers = {"Content-Encoding": "gzip"}
    recorder.body = gzip.compress(bytes(2 << 20))
    assert bytes(2 << 20) == await api.get("/x", {}, 1)
    recorder.body = gzip.compress(bytes(100 << 20))
    assert Fault("an answer of more than 2 MiB") == await api.get("/x", {}, 1)


async def test_redirects_are_not_followed(api: Api, recorder: Recorder) -> None:
    """An answer that sends us elsewhere is a fault, not a way."""
    recorder.status, recorder.headers = 302, {"Location": "/elsewhere"}
    assert Fault("HTTP 302") == await api.get("/x", {}, 1)
    assert ["/x"] == recorder.paths


async def test_exchange_tells_why() -> None:
    """Code and message of an error answer are in the fault."""
    async with Exchange(["BTCUSDT"], LIMITS) as exchange, Api(exchange.rest_url, REST, Counters()) as api:
        fault = await api.get("/api/v3/ticker/bookTicker", {"symbol": "NOPE"}, 2)
    assert Fault("HTTP 400: Invalid symbol.", -1121) == fault
