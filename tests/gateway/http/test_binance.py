"""Which requests are for clients of Binance, and what a token is needed for."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.admission.binance_settings import BinanceSettings
from gateway.admission.origin import AllowedHosts, AllowedOrigins, Authority
from gateway.auth.settings import AuthSettings
from market.prices.symbols import parse_symbols
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.binance.conftest import ask, told
from tests.gateway.conftest import RunningGateway, Start
from tests.gateway.http.test_routes import ask as ask_http
from tests.gateway.http.test_routes import bearing

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)
HOSTS = BinanceSettings(hosts=frozenset({Authority("stream.example.com", None)}))


async def refused(url: str, **options: Any) -> tuple[int, Any]:
    """Status and body of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as error:
        await connect(url, **options)
    return error.value.response.status_code, json.loads(error.value.response.body or b"")


def stream(running: RunningGateway, path: str = "/binance/ws/btcusdt@bookTicker") -> str:
    """A stream's URL."""
    return f"ws://{running.host}:{running.port}{path}"


async def test_a_name_of_its_own_needs_no_prefix(start_anyhow: Start) -> None:
    """Under it the paths are Binance's, also ``/ws``; under other names they are not."""
    hosts = AllowedHosts.parse("localhost", only_loopback=True).adding(HOSTS.hosts)
    running = await start_anyhow(binance=HOSTS, allowed_hosts=hosts)
    raw = f"ws://{running.host}:{running.port}"
    async with connect("ws://stream.example.com/ws", host=running.host, port=running.port) as socket:
        assert {"result": [], "id": 1} == await ask(socket, "LIST_SUBSCRIPTIONS")
    async with connect(f"{raw}/ws") as socket:
        assert "welcome" == (await told(socket))["type"]
    assert 404 == (await refused(f"{raw}/stream"))[0]
    status, _, body = await ask_http(running, "GET", "api/v3/ping", Host="stream.example.com")
    assert (200, b"{}") == (status, body)
    assert 404 == (await ask_http(running, "GET", "api/v3/ping"))[0]
    assert 200 == (await ask_http(running, "GET", "healthz", Host="stream.example.com"))[0]
    assert 403 == (await ask_http(running, "GET", "binance/api/v3/ping", Host="other.example.com"))[0]


async def test_a_plain_request_for_a_stream_says_how_to_try_it(start_anyhow: Start) -> None:
    """With a command of Binance's, not of our own protocol."""
    running = await start_anyhow()
    status, _, body = await ask_http(running, "GET", "binance/ws")
    assert 426 == status
    assert "SUBSCRIBE" in json.loads(body)["error"]


@pytest.mark.parametrize("path", ["binance/", "binance/api/v1/ping", "binance/fapi/v1/ping", "binance/wsx"])
async def test_other_paths_say_what_there_is(start: Start, path: str) -> None:
    """In the gateway's own form: no library asks for them."""
    status, _, body = await ask_http(await start(), "GET", path)
    assert 404 == status
    assert "/stream" in json.loads(body)["error"]


async def test_only_get_is_answered(start: Start) -> None:
    """There is nothing to write."""
    running = await start()
    status, headers, _ = await ask_http(running, "POST", "binance/api/v3/ping")
    assert (405, "GET, OPTIONS") == (status, headers["Allow"])
    assert 405 == (await ask_http(running, "POST", "binance/ws"))[0]


async def test_pages_of_allowed_origins_may_read_it(start: Start) -> None:
    """Also before they send a key; other pages may not."""
    running = await start(allowed_origins=AllowedOrigins.parse("https://app.example.com"))
    page = {"Origin": "https://app.example.com"}
    for path in ("binance/api/v3/ping", "binance/api/v3/klines"):
        _, headers, _ = await ask_http(running, "GET", path, **page)
        assert "https://app.example.com" == headers["Access-Control-Allow-Origin"]
    status, headers, _ = await ask_http(running, "OPTIONS", "binance/api/v3/ping", **page)
    assert (204, "GET") == (status, headers["Access-Control-Allow-Methods"])
    assert "X-MBX-APIKEY" in headers["Access-Control-Allow-Headers"]
    status, headers, _ = await ask_http(running, "GET", "binance/api/v3/ping", Origin="https://evil.example.com")
    assert 403 == status
    assert "Access-Control-Allow-Origin" not in headers
    assert 403 == (await refused(stream(running), origin="https://evil.example.com"))[0]


async def test_without_a_token_nothing_is_told_where_one_is_needed(start_anyhow: Start) -> None:
    """The refusal says how to bring one: no message of Binance's could."""
    running = await start_anyhow(auth=JWT)
    status, body = await refused(stream(running))
    assert (401, "bad_token") == (status, body["code"])
    assert "Authorization: Bearer" in body["error"]
    status, _, told_by_rest = await ask_http(running, "GET", "binance/api/v3/ticker/price")
    assert 401 == status
    assert "X-MBX-APIKEY" in json.loads(told_by_rest)["error"]
    # What it would have taken is given back.
    assert 0 == len(running.gateway.hub)


async def test_a_token_opens_what_it_allows(start_anyhow: Start) -> None:
    """In a header of the handshake; REST takes it in place of an API key as well."""
    running = await start_anyhow(auth=JWT, symbols=parse_symbols("BTCUSDT,ETHUSDT"))
    mine = bearing(symbols=["BTC"])
    async with connect(stream(running), additional_headers=mine) as socket:
        answer = await ask(socket, "SUBSCRIBE", ["ethusdt@bookTicker"])
        assert "the token does not allow ethusdt@bookTicker" in answer["error"]["msg"]
    status, body = await refused(stream(running, "/binance/ws/ethusdt@ticker"), additional_headers=mine)
    assert (400, 2) == (status, body["code"])
    key = mine["Authorization"].removeprefix("Bearer ")
    for headers in (mine, {"X-MBX-APIKEY": key}):
        status, _, info = await ask_http(running, "GET", "binance/api/v3/exchangeInfo", **headers)
        assert 200 == status
        assert ["BTCUSDT"] == [one["symbol"] for one in json.loads(info)["symbols"]]


@pytest.mark.parametrize(("allowed", "status"), [(True, 101), (False, 401)])
async def test_a_token_in_the_url_needs_its_setting(start: Start, allowed: bool, status: int) -> None:
    """Also behind a second question mark, where one client writes its own parameter."""
    running = await start(auth=JWT, auth_query_token=allowed)
    mine = token("HS256", SECRET, exp=4e9)
    url = stream(running, f"/binance/stream?streams=btcusdt@bookTicker?timeUnit=MICROSECOND&token={mine}")
    if status == 101:
        async with connect(url) as socket:
            assert {"result": ["btcusdt@bookTicker"], "id": 1} == await ask(socket, "LIST_SUBSCRIPTIONS")
    else:
        assert status == (await refused(url))[0]
    rest = (await ask_http(running, "GET", f"binance/api/v3/ping?token={mine}"))[0]
    assert (200 if allowed else 401) == rest


async def test_a_token_that_ends_ends_the_connection(start: Start) -> None:
    """There is no message to bring another."""
    running = await start(auth=AuthSettings(mode="jwt", jwt_secret=SECRET, jwt_leeway_s=0))
    loop, gateway = asyncio.get_running_loop(), running.gateway
    mine = {"Authorization": f"Bearer {token('HS256', SECRET, exp=gateway.now_s() + 1)}"}
    begin = loop.time()
    async with connect(stream(running), additional_headers=mine) as socket, asyncio.timeout(20):
        await socket.wait_closed()
    assert 4401 == socket.close_code
    assert loop.time() - begin > 0.5


async def test_connections_count_as_any_other(start: Start) -> None:
    """Under the limits of their address and of the process."""
    running = await start(max_connections=1)
    async with connect(stream(running)):
        assert 503 == (await refused(stream(running)))[0]
    running = await start(max_connections_per_ip=1, spare_loopback=False)
    async with connect(stream(running)):
        assert 429 == (await refused(stream(running)))[0]


async def test_a_unit_that_is_none_is_refused(start: Start) -> None:
    """With a code of Binance's."""
    status, body = await refused(stream(await start()) + "?timeUnit=SECOND")
    assert (400, -1128) == (status, body["code"])
