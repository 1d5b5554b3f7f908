"""The list of symbols over plain HTTP."""

import asyncio
import logging
import socket
from typing import Any

import pytest
from msgspec.json import decode as loads

from gateway.admission.origin import AllowedOrigins
from gateway.auth.settings import AuthSettings
from gateway.http.v1.symbols import cost
from market.prices.symbols import parse_symbols
from tests.gateway.auth.tokens import SECRET
from tests.gateway.conftest import Start, stop_the_clock
from tests.gateway.conftest import ask as converse
from tests.gateway.http.test_routes import BAD, PAGE, ask, bearing
from tests.waiting import until

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)
MANY = parse_symbols(",".join(f"NUMBER{number}USDT" for number in range(1201)))


def names(body: bytes) -> list[str]:
    """The symbols in an answer."""
    return [entry["symbol"] for entry in loads(body)["symbols"]]


@pytest.mark.parametrize("count", [1, 2, 500, 501, 1000, 1201])
async def test_all_symbols_are_in_one_answer(start_anyhow: Start, count: int) -> None:
    """As JSON, however many, in their order; each with what is known of it."""
    running = await start_anyhow(symbols=parse_symbols(",".join(MANY.names[:count])))
    status, headers, body = await ask(running, "GET", "v1/symbols")
    assert (200, "application/json", "no-store") == (status, headers["Content-Type"], headers["Cache-Control"])
    assert list(MANY.names[:count]) == names(body)
    assert {"symbol": "NUMBER0USDT", "venue": "binance", "state": "stale", "aliases": ["NUMBER0"]} == (
        loads(body)["symbols"][0]
    )


async def test_a_token_is_shown_its_own_symbols_and_nobody_else_any(start_anyhow: Start) -> None:
    """Where tokens are asked for; 401 says why."""
    running = await start_anyhow(auth=JWT, symbols=parse_symbols("BTCUSDT,ETHUSDT"))
    for proof, expected in (
        (bearing(), ["BTCUSDT", "ETHUSDT"]),
        (bearing(symbols=["eth/usdt"]), ["ETHUSDT"]),
        (bearing(symbols=["DOGE"]), []),
    ):
        status, _, body = await ask(running, "GET", "v1/symbols", **proof)
        assert (200, expected) == (status, names(body))
    for proof in (BAD, {}, bearing(exp=1)):
        status, _, body = await ask(running, "GET", "v1/symbols", **proof)
        assert 401 == status
        assert b"token" in body


async def test_pages_of_allowed_origins_may_read_it(start_anyhow: Start) -> None:
    """With a token too, which their browsers ask for leave to send; pages of others may not."""
    running = await start_anyhow(allowed_origins=AllowedOrigins.parse(PAGE))
    for method, status in (("OPTIONS", 204), ("GET", 200)):
        answered, headers, _ = await ask(running, method, "v1/symbols", Origin=PAGE)
        assert (status, PAGE) == (answered, headers["Access-Control-Allow-Origin"])
        answered, headers, _ = await ask(running, method, "v1/symbols", Origin="https://evil.example")
        assert (403, None) == (answered, headers.get("Access-Control-Allow-Origin"))
    _, headers, _ = await ask(running, "OPTIONS", "v1/symbols", Origin=PAGE)
    assert ("GET", "Authorization, If-None-Match, Last-Event-ID") == (
        headers["Access-Control-Allow-Methods"],
        headers["Access-Control-Allow-Headers"],
    )


@pytest.mark.parametrize(("symbols", "answers"), [(parse_symbols("BTCUSDT"), 40), (MANY, 13)], ids=["one", "many"])
async def test_it_costs_a_request_and_more_for_many(start_anyhow: Start, symbols: Any, answers: int) -> None:
    """Beyond what an address has left it is refused before anything is done."""
    assert (0, 2) == (cost(1), cost(len(MANY)))
    running = await start_anyhow(symbols=symbols, spare_loopback=False, max_request_rate_per_ip=20)
    stop_the_clock(running)
    statuses = [(await ask(running, "GET", "v1/symbols"))[0] for _ in range(answers + 2)]
    assert [200] * answers + [429] == statuses[: answers + 1]


async def test_who_does_not_read_is_cut_off_and_little_is_kept_for_it(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """A piece at a time is written, and it is no fault of ours that the client has gone."""
    many = parse_symbols(",".join(f"{'X' * 40}{number}USDT" for number in range(20_000)))
    running = await start(symbols=many, lag_timeout_s=0.3)
    client = socket.socket()
    client.setblocking(False)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.get_running_loop().sock_connect(client, (running.host, running.port))
    client.send(b"GET /v1/symbols HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: len(running.requests) == 1)
    transport = running.requests[0].transport
    assert transport is not None
    most = 0

    def gone() -> bool:
        nonlocal most
        most = max(most, transport.get_write_buffer_size())
        return running.requests == []

    await until(gone)
    client.close()
    assert 0 < most < 200_000
    assert [] == [record for record in caplog.records if record.levelno > logging.WARNING]


async def test_an_old_client_gets_the_same(start_anyhow: Start) -> None:
    """HTTP/1.0 has no chunks: the connection's end is the answer's."""
    running = await start_anyhow(symbols=MANY)
    answer = await converse(running, b"GET /v1/symbols HTTP/1.0\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert list(MANY.names) == names(body)
