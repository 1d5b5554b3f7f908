"""A gateway obeys what operators tell: real sockets, a bus in memory."""

import asyncio
import logging
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from gateway.auth.authenticator import Authenticator
from gateway.auth.revocations import Revocations
from gateway.orders import Orders
from market.bus import BusDownError, NoStoreError
from market.wire.orders import AnyOrder, Kick, Revoke, encode_order, name_of
from tests.client import connected
from tests.events import listening
from tests.gateway.conftest import RunningGateway, Start
from tests.gateway.http.test_upgrade import JWT, TICKET, bearing, close_code, good, new_ticket, refusal
from tests.waiting import until


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let gateways look at the orders at once."""
    monkeypatch.setattr("gateway.orders.READ_EVERY_S", 0.005)


async def give(running: RunningGateway, order: AnyOrder, ttl_s: float = 60) -> None:
    """What ``tickgate kick`` and ``tickgate revoke`` do."""
    await running.gateway.bus.orders.give(name_of(order), encode_order(order), ttl_s)


def authenticator(running: RunningGateway) -> Authenticator:
    """The one of a gateway that asks for tokens."""
    found = running.gateway.authenticator
    assert found is not None
    return found


def of(subject: str, **claims: Any) -> dict[str, Any]:
    """The options of a client with a token of ``subject``."""
    return {"additional_headers": bearing(good(sub=subject, **claims))}


async def test_a_kick_closes_every_connection_of_the_subject_and_no_other(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """WebSockets, streams of events and Binance's streams. The subject may come again; that is not undone."""
    caplog.set_level(logging.INFO, "gateway.orders")
    running = await start(auth=JWT)
    binance = f"ws://{running.host}:{running.port}/binance/ws/btcusdt@bookTicker"
    stream = f"{running.http_url}v1/stream?symbols=BTC&ticket={await new_ticket(running, good(sub='mallory'))}"
    async with (
        connect(running.url, **of("mallory")) as ws,
        connect(binance, **of("mallory")) as binance_ws,
        listening(stream) as events,
        connected(running.url, token=good(sub="alice")) as neighbour,
        connect(running.url) as unknown,
    ):
        await until(lambda: len(running.gateway.hub) == 5)
        await give(running, Kick("mallory"))
        assert [4410, 4410] == [await close_code(ws), await close_code(binance_ws)]
        await events.until(lambda events: [message["code"] for message in events.of("closed")] == [4410])
        await until(lambda: len(running.gateway.hub) == 2)
        assert 3 == running.gateway.counters.kicks == running.gateway.counters.closed["KICKED"]
        assert 1 == caplog.text.count("closed 3 connections of subject 'mallory': an operator has ended")
        await neighbour.send({"type": "ping"})
        await neighbour.until(lambda client: client.count("pong") == 1)
        await unknown.send('{"type":"auth","token":"' + good(sub="mallory") + '"}')
        async with connected(running.url, token=good(sub="mallory")) as again:
            await _read_twice(running)
            await again.send({"type": "ping"})
            await again.until(lambda client: client.count("pong") == 1)


async def test_a_revoked_token_opens_nothing_any_more(start: Start) -> None:
    """Neither in a handshake, nor in a message, nor by a ticket or plain HTTP; another one of the subject does."""
    running = await start(auth=JWT)
    stolen, other = good(jti="stolen"), good(jti="other")
    ticket = await new_ticket(running, stolen)
    async with (
        connected(running.url, token=stolen) as thief,
        connected(running.url, token=other) as owner,
        connected(running.url) as late,
    ):
        await give(running, Revoke("stolen"))
        assert 4401 == await thief.until_closed()
        assert ["revoked"] == [message["code"] for message in thief.received("error")]
        await late.send({"type": "auth", "token": stolen})
        assert 4401 == await late.until_closed()
        assert ["revoked"] == [message["code"] for message in late.received("error")]
        assert (401, "revoked") == await refusal(running.url, additional_headers=bearing(stolen))
        assert (401, "revoked") == await refusal(f"{running.url}?ticket={ticket}")
        async with aiohttp.ClientSession() as http, http.post(running.http_url + TICKET, headers=bearing(stolen)) as no:
            assert (401, "revoked") == (no.status, (await no.json())["code"])
        assert 2 == running.gateway.counters.closed["REVOKED"]
        assert 1 == running.gateway.counters.kicks
        await owner.send({"type": "auth", "token": stolen})
        await owner.until(lambda client: client.count("error") == 1)
        await owner.send({"type": "ping"})
        await owner.until(lambda client: client.count("pong") == 1)


async def test_who_came_in_while_a_revocation_was_obeyed_is_found_too(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token may have been checked just before, and its connection be there just after."""
    monkeypatch.setattr("gateway.orders.READ_EVERY_S", 3600)
    running = await start(auth=JWT)
    known = authenticator(running).revocations
    orders = Orders(running.gateway, known)
    monkeypatch.setattr(known, "check", lambda grant: grant)
    await give(running, Revoke("stolen"))
    await orders.read()
    async with connected(running.url, token=good(jti="stolen")) as late:
        await orders.read()
        assert 4401 == await late.until_closed()


async def test_a_revocation_ends_by_itself_and_outlives_the_buss_data(start: Start) -> None:
    """The gateway keeps it for as long as it was meant, whether or not the bus does."""
    running = await start(auth=JWT)
    orders = Orders(running.gateway, authenticator(running).revocations)
    await give(running, Revoke("long"), 3600)
    await give(running, Revoke("short"), 0.3)
    await orders.read()
    known = authenticator(running).revocations
    assert known.ids in ({"long", "short"}, {"long"})
    await running.gateway.bus.aclose()
    async with asyncio.timeout(20):
        while known.ids != {"long"}:
            await orders.read()
            await asyncio.sleep(0.02)


async def test_an_older_kick_spares_who_came_after_it(start: Start) -> None:
    """However late the gateway hears of it: an order has an age, and so has a connection."""
    running = await start(auth=JWT)
    gateway = running.gateway
    orders = Orders(gateway, authenticator(running).revocations)
    async with connected(running.url, token=good(sub="mallory")) as client:
        await give(running, Kick("mallory"))
        assert 4410 == await client.until_closed()
    assert 1 == gateway.counters.kicks
    async with connected(running.url, token=good(sub="mallory")) as again:
        await until(lambda: len(gateway.hub) == 1)
        await orders.read()
        assert 1 == gateway.counters.kicks
        await again.send({"type": "ping"})
        await again.until(lambda client: client.count("pong") == 1)


@pytest.mark.parametrize("error", [BusDownError("no answer in time"), NoStoreError("name a Redis in STORE_URL")])
async def test_a_bus_that_does_not_tell_is_told_once(
    error: Exception, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was known counts; an outage is asked again, a bus that never can is not."""
    running = await start()  # which does not ask by itself
    asked = 0
    down = True

    async def standing(_known: bytes = b"") -> None:
        nonlocal asked
        asked += 1
        if down:
            raise error

    monkeypatch.setattr(running.gateway.bus, "standing", standing)
    with caplog.at_level(logging.INFO, "gateway.orders"):
        task = asyncio.create_task(Orders(running.gateway, Revocations()).run())
        if isinstance(error, NoStoreError):
            await asyncio.wait_for(task, 20)
            assert 1 == asked
        else:
            await until(lambda: asked > 5)
            down = False
            await until(lambda: "known again" in caplog.text)
            task.cancel()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert 1 == len(warnings)
    assert str(error) in warnings[0].message


async def test_a_gateway_without_tokens_does_not_ask(start: Start) -> None:
    """Who does not use it does not pay for it."""
    assert [0, 1] == [await _tasks_of_orders(start), await _tasks_of_orders(start, auth=JWT)]


async def _tasks_of_orders(start: Start, **settings: Any) -> int:
    await start(**settings)
    return [task.get_name() for task in asyncio.all_tasks()].count("orders")


async def _read_twice(running: RunningGateway) -> None:
    """Wait until the gateway has looked at the orders again."""
    bus: Any = running.gateway.bus
    standing, asked = bus.standing, 0

    async def counted(known: bytes = b"") -> Any:
        nonlocal asked
        asked += 1
        return await standing(known)

    bus.standing = counted
    await until(lambda: asked > 1)
