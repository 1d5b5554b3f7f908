"""A client for some seconds, at gateways that play a script and at real ones."""

import asyncio
import ssl

import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from deploy.ports import free_port
from deploy.probe.visit import visit
from tests.deploy.watch.gateways import RECV_US, Gateway, Script, greet, say, tick
from tests.gateway.conftest import start_gateway
from tests.waiting import until

SERVER_US = RECV_US + 500_000
"""The gateway's time: each price is half a second old there."""


def numbered(symbol: str, seq: int) -> dict[str, object]:
    """A tick with this number."""
    return tick(symbol, 100) | {"seq": seq}


def playing(*messages: dict[str, object]) -> Script:
    """Greets, sends these and stays."""

    async def play(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT", "ETHUSDT", server_us=SERVER_US)
        await say(socket, *messages)
        async for _ping in socket:
            await say(socket, {"type": "pong"})

    return play


async def test_ages_are_by_the_gateways_clock() -> None:
    """That of this machine is years off here."""
    async with Gateway(playing(numbered("BTCUSDT", 1), numbered("BTCUSDT", 2))).serving() as gateway:
        seen = await visit(gateway.url, ["BTC"], 0.3, now_us=lambda: 1_000_000)
    assert ("", 2, 0) == (seen.problem, seen.ticks, seen.gaps)
    assert [0.5, 0.5] == seen.ages_s
    assert seen.connect_s is not None
    assert seen.connect_s < 10
    assert ({"binance": ""}, {}, 2, None) == (seen.feeds, seen.stale, seen.symbols, seen.certificate_ends_s)


async def test_a_gateway_that_hangs_after_some_ticks_is_not_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection stays, and what it has said so far is good."""

    async def hang(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT", server_us=SERVER_US)
        await say(socket, numbered("BTCUSDT", 1))
        await socket.wait_closed()

    monkeypatch.setattr("deploy.probe.visit.LONGEST_ANSWER_S", 0.2)
    async with Gateway(hang).serving() as gateway:
        seen = await visit(gateway.url, [], 0.3)
    assert (1, "no answer to a ping within 0.2 s: it hangs") == (seen.ticks, seen.problem)


async def test_missing_ticks_are_counted_by_symbol() -> None:
    """From the snapshot on; repeated ones count too."""
    messages = (
        numbered("BTCUSDT", 7) | {"type": "snapshot"},
        numbered("BTCUSDT", 8),
        numbered("ETHUSDT", 3),
        numbered("BTCUSDT", 10),
        numbered("ETHUSDT", 3),
    )
    async with Gateway(playing(*messages)).serving() as gateway:
        seen = await visit(gateway.url, [], 0.3)
    assert (4, 2) == (seen.ticks, seen.gaps)


async def test_what_is_stale_at_the_end_is_said() -> None:
    """What was stale meanwhile is not; a symbol that is not traded stands still rightly."""
    state = {"type": "symbol_status", "since_us": 1, "reason": "quiet"}
    status = {"type": "status", "reason": "no heartbeat", "source": "", "since_us": 1}
    messages: tuple[dict[str, object], ...] = (
        state | {"symbol": "BTCUSDT", "state": "stale"},
        state | {"symbol": "ETHUSDT", "state": "stale"},
        state | {"symbol": "ETHUSDT", "state": "live"},
        state | {"symbol": "SOLUSDT", "state": "halted"},
        status | {"feed": "stale", "venue": "binance"},
        {"type": "error", "code": "unknown_symbol", "message": "XUSDT is not served"},
    )
    async with Gateway(playing(*messages)).serving() as gateway:
        seen = await visit(gateway.url, [], 0.3)
    assert {"BTCUSDT": "stale (quiet)"} == seen.stale
    assert {"binance": "no heartbeat"} == seen.feeds
    assert ["XUSDT is not served"] == seen.unknown


@pytest.mark.parametrize(
    ("script", "problem"), [(401, "give it with --token-file"), (404, "it is /ws"), (503, "HTTP status 503")]
)
async def test_a_refused_handshake_says_what_to_do(script: int, problem: str) -> None:
    """And is no connection."""
    async with Gateway(script).serving() as gateway:
        seen = await visit(gateway.url, [], 0.3)
    assert problem in seen.problem
    assert seen.connect_s is None


async def test_nobody_there() -> None:
    """No port, and no name."""
    seen = await visit(f"ws://127.0.0.1:{free_port()}/ws", [], 0.3)
    assert "no gateway at" in seen.problem
    assert seen.connect_s is None


async def test_a_gateway_that_ends_the_connection_is_not_good() -> None:
    """Its reason is told."""

    async def play(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        await socket.close(4408, "too slow")

    async with Gateway(play).serving() as gateway:
        seen = await visit(gateway.url, [], 20)
    assert "the connection ended: 4408 too slow" == seen.problem
    assert seen.for_s < 20


async def test_a_gateway_that_goes_away_says_so() -> None:
    """A probe of a rolling restart names it."""
    async with Gateway(playing({"type": "shutdown", "reconnect_after_ms": 100})).serving() as gateway:
        seen = await visit(gateway.url, [], 0.3)
    assert "the gateway is going away" == seen.problem


async def test_a_certificate_that_nobody_trusts_is_no_connection() -> None:
    """It says which."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(served)
    async with Gateway(playing()).serving(served) as gateway:
        seen = await visit(gateway.url, [], 0.3)
    assert "cannot be verified" in seen.problem


async def test_a_real_gateway_that_is_live_is_good() -> None:
    """With ticks in a row."""
    running = await start_gateway()
    await running.heartbeat()
    await until(lambda: running.gateway.feed.live)
    probing = asyncio.create_task(visit(running.url, ["BTC"], 1.0))
    await until(lambda: "BTCUSDT" in running.gateway.hub.held)
    for seq in range(1, 6):
        await running.publish("BTCUSDT", seq, recv_us=running.gateway.now_us())
    seen = await probing
    assert ("", {"binance": ""}, {}, 5, 0) == (seen.problem, seen.feeds, seen.stale, seen.ticks, seen.gaps)
    assert max(seen.ages_s) < 3
    await running.close()
