"""A scrape shows everything that is counted, and how things are."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trustme
from aiohttp import ClientSession, WSServerHandshakeError
from websockets.asyncio.client import connect

from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.hub import Hub
from gateway.protocol.forms import FramedTick
from gateway.scrape import OTHER, count_subscribers, families
from gateway.websocket.close_codes import CloseReason
from market.metrics.exposition import expose
from market.prices.symbols import Symbols
from tests.client import connected
from tests.fakes import RecordingMember, tick
from tests.gateway.conftest import RunningGateway, Start
from tests.gateway.fanout.test_hub import Market
from tests.gateway.http.test_routes import JWT, bearing
from tests.market.metrics.parsed import Values, values_of
from tests.market.metrics.promtool import complaints


async def text_of(running: RunningGateway) -> bytes:
    """The metrics of a gateway, over HTTP."""
    async with ClientSession() as http, http.get(running.http_url + "metrics") as response:
        assert "text/plain; version=0.0.4; charset=utf-8" == response.headers["Content-Type"]
        return await response.read()


async def scraped(running: RunningGateway) -> Values:
    """The metrics of a gateway, as Prometheus' parser reads them."""
    return values_of(await text_of(running))


async def test_who_holds_what(start: Start) -> None:
    """Clients by symbol; whoever holds one with other options counts as well."""
    running = await start(symbols=Symbols(["BTCUSDT", "ETHUSDT", "SOLUSDT"]))
    async with connected(running.url) as one, connected(running.url) as two, connected(running.url) as three:
        await one.subscribe("BTC")
        await two.subscribe("BTC", "ETH")
        await three.subscribe("BTC", max_hz=1)
        values = await scraped(running)
    assert (4, 2) == (values["tickgate_subscriptions",], values["tickgate_symbols_subscribed",])
    counts = [values["tickgate_symbol_subscribers", symbol] for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]
    assert [3, 1, 0] == counts
    assert 3 == values["tickgate_connections",]


async def test_a_symbol_of_two_channels_is_one(start: Start) -> None:
    """Prices and figures of 24 hours are two subscriptions; each of them makes a symbol wanted."""
    running = await start(symbols=Symbols(["BTCUSDT", "ETHUSDT", "SOLUSDT"]))
    async with connected(running.url) as client:
        await client.subscribe("BTC")
        await client.subscribe("BTC", "ETH", channel="stats")
        values = await scraped(running)
    assert (3, 2) == (values["tickgate_subscriptions",], values["tickgate_symbols_subscribed",])
    counts = [values["tickgate_symbol_subscribers", symbol] for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]
    assert [1, 0, 0] == counts


async def test_so_many_symbols_have_figures_of_their_own(start: Start) -> None:
    """The others are one more: a label for each of ten thousand would cost whoever stores them."""
    names = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    running = await start(symbols=Symbols(names), metrics_symbols=1)
    async with connected(running.url) as client:
        await client.subscribe(*names)
        values = await scraped(running)
    assert {("tickgate_symbol_subscribers", "BTCUSDT"): 1, ("tickgate_symbol_subscribers", OTHER): 2} == {
        labels: value for labels, value in values.items() if labels[0] == "tickgate_symbol_subscribers"
    }
    assert {"BTCUSDT"} == {labels[1] for labels in values if labels[0] == "tickgate_symbol_live"}


async def test_whether_a_symbol_is_live_and_how_old_its_price_is(start: Start) -> None:
    """No age before the first tick."""
    running = await start(symbols=Symbols(["BTCUSDT", "ETHUSDT"]))
    await running.heartbeat()
    async with connected(running.url) as client:
        await client.subscribe("BTC")
        await running.publish("BTCUSDT", 1, recv_us=running.gateway.now_us() - 2_000_000)
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 1)
        values = await scraped(running)
    assert 1 == values["tickgate_symbol_live", "BTCUSDT"] == values["tickgate_symbol_live", "ETHUSDT"]
    assert 2 <= values["tickgate_symbol_tick_age_seconds", "BTCUSDT"]
    assert ("tickgate_symbol_tick_age_seconds", "ETHUSDT") not in values
    for stage in ("gateway", "socket"):
        assert 1 == values["tickgate_tick_age_seconds_count", stage]
        assert 2 <= values["tickgate_tick_age_seconds_sum", stage]
    assert 1 == values["tickgate_flush_seconds_count",]
    assert 0 < values["tickgate_bytes_sent_total",] == values["tickgate_flush_bytes_sum",]
    assert 1 == values["tickgate_bus_link_up",]
    assert 0 == values["tickgate_bus_reconnects_total",]


async def test_only_what_a_message_brings_has_an_age_at_the_sockets(start: Start) -> None:
    """Last values that are read, and figures of 24 hours, were received long ago or nobody knows when."""
    running = await start()

    async def ages() -> tuple[float, ...]:
        values = await scraped(running)
        stages = [values["tickgate_tick_age_seconds_count", stage] for stage in ("gateway", "socket")]
        return (*stages, values["tickgate_flush_seconds_count",])

    async with connected(running.url) as client:
        await client.subscribe("BTC")
        running.gateway.hub.publish(FramedTick("BTCUSDT", 1, tick("BTCUSDT", 1)))
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 1)
        assert (0, 0, 1) == await ages()
        await running.publish("BTCUSDT", 2)
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 2)
        assert (1, 1, 2) == await ages()
        running.gateway.hub.publish(FramedTick("BTCUSDT", 3, tick("BTCUSDT", 3)))
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 3)
        assert (1, 1, 3) == await ages()


async def test_who_comes_back_says_so(start: Start) -> None:
    """`attempt` in the URL, which the clients of this project send; 0 or none is a first connection."""
    running = await start()
    for query in ("", "?attempt=0", "?attempt=1", "?attempt=27"):
        async with connect(running.url + query):
            pass
    values = await scraped(running)
    assert (4, 2) == (values["tickgate_connections_accepted_total",], values["tickgate_client_reconnects_total",])


async def test_refusals_and_ends_have_reasons(start: Start) -> None:
    """Tokens in requests, in handshakes and in messages are one; a close has its code."""
    running = await start(auth=JWT)
    counters = running.gateway.counters
    async with ClientSession() as session:
        for headers in (bearing(exp=1), {"Authorization": "Bearer nonsense"}, {}):
            async with session.get(f"http://{running.host}:{running.port}/v1/symbols", headers=headers) as answer:
                assert answer.status == 401
            if headers:
                # Without a token a WebSocket may bring one later.
                with pytest.raises(WSServerHandshakeError, match="401"):
                    await session.ws_connect(running.url, headers=headers)
        with pytest.raises(WSServerHandshakeError, match="401"):
            await session.ws_connect(f"{running.url}?ticket=none")
    counters.tokens_refused["expired"] += 3
    counters.closed[CloseReason.TOO_SLOW.name] += 1
    values = await scraped(running)
    told = {reason: values["tickgate_auth_failures_total", reason] for reason in ("expired", "bad_token", "bad_ticket")}
    assert {"expired": 5, "bad_token": 3, "bad_ticket": 1} == told
    assert 6 == values["tickgate_connections_refused_total", "token"]
    assert 1 == values["tickgate_closed_total", "too_slow", str(CloseReason.TOO_SLOW.code)]


async def test_the_end_of_the_certificate(start: Start, tmp_path: Path) -> None:
    """It is read again at each scrape; 0 if it cannot be read."""
    running = await start()
    ends, path = datetime(2031, 2, 3, tzinfo=UTC), tmp_path / "gateway.pem"
    leaf = trustme.CA().issue_cert("gateway.example", not_after=ends)
    name = "tickgate_certificate_not_after_timestamp_seconds"
    assert not [labels for labels in await scraped(running) if labels[0] == name]
    path.write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    running.gateway.settings = msgspec.structs.replace(running.gateway.settings, tls_cert=str(path))
    assert ends.timestamp() == (await scraped(running))[name, str(path)]
    path.unlink()
    assert 0 == (await scraped(running))[name, str(path)]


async def test_promtool_finds_no_fault(start: Start, tmp_path: Path) -> None:
    """Every metric has values, with each of its labels: Prometheus' own tool knows all conventions."""
    running = await start(symbols=Symbols(["BTCUSDT", "ETHUSDT"]), metrics_symbols=1)
    gateway, path = running.gateway, tmp_path / "gateway.pem"
    path.write_bytes(trustme.CA().issue_cert("gateway.example").cert_chain_pems[0].bytes())
    gateway.settings = msgspec.structs.replace(gateway.settings, tls_cert=str(path))
    counts = [count for count in vars(gateway.counters).values() if isinstance(count, Counter)]
    for count in counts:
        count[CloseReason.TOO_SLOW.name] += 1
    await running.heartbeat()
    async with connected(running.url) as client:
        await client.subscribe("BTC", "ETH")
        await running.publish("BTCUSDT", 1)
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 1)
        text = await text_of(running)
    assert "" == complaints(text)
    shown = {labels[0] for labels in values_of(text)}
    announced = [line.split()[2:] for line in text.decode().splitlines() if line.startswith("# TYPE ")]
    empty = {name for name, kind in announced if name + "_count" * (kind == "histogram") not in shown}
    assert set() == empty


async def counted(hub: Hub) -> tuple[Mapping[str, int], int]:
    """The clients by topic, and how often the event loop could do something else meanwhile."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    before = turns
    counts = await count_subscribers(cast(Any, SimpleNamespace(hub=hub)))
    counting.cancel()
    return counts, turns - before


async def test_clients_of_symbols_are_counted_in_turns() -> None:
    """However many different subscriptions several clients have each: prices go out between."""
    hub, topics = Market().hub, frozenset(map(str, range(1000)))
    for number in range(400):
        hold(hub, topics | {f"of {number // 2}"})
    counts, turns = await counted(hub)
    assert dict.fromkeys(topics, 400) | {f"of {number}": 2 for number in range(200)} == counts
    # 200,000 additions are some 20 ms.
    assert turns > 5


async def test_rates_of_their_own_are_counted_in_turns() -> None:
    """Then nothing is shared, not even the list of who holds a symbol."""
    hub, topics = Market().hub, frozenset(map(str, range(1000)))
    for number in range(200):
        hold(hub, topics, max_hz=1 + number / 1000)
    counts, turns = await counted(hub)
    assert dict.fromkeys(topics, 200) == counts
    assert turns > 5


async def test_clients_that_want_all_something_else_are_not_looked_at_one_by_one() -> None:
    """Who holds a symbol is known already; ten thousand clients of 200 symbols would be two million additions."""
    hub, seen = Market().hub, list[str]()

    class Noted(frozenset[str]):
        def __iter__(self) -> Iterator[str]:
            seen.append("each topic")
            return super().__iter__()

    for number in range(50):
        hold(hub, Noted({"BTCUSDT", "ETHUSDT", str(number)}))
    seen.clear()
    counts, _ = await counted(hub)
    assert {"BTCUSDT": 50, "ETHUSDT": 50} | {str(number): 1 for number in range(50)} == counts
    assert not seen


def hold(hub: Hub, topics: frozenset[str], **options: Any) -> None:
    """Let one more client hold ``topics``."""
    member = RecordingMember()
    hub.add(member)
    hub.move(member, (Subscription(topics, **options),))


async def test_what_would_leak_can_be_scraped(start: Start) -> None:
    """Every task of the event loop counts, and every block of memory that Python holds."""
    running = await start()
    gateway = running.gateway

    async def read() -> Values:
        return values_of(await expose(families(gateway)))

    before = await read()
    task = asyncio.create_task(asyncio.Event().wait())
    blocks = [object() for _ in range(100_000)]
    after = await read()
    task.cancel()
    assert 1 == after["tickgate_tasks",] - before["tickgate_tasks",]
    assert len(blocks) * 0.9 < after["tickgate_memory_blocks",] - before["tickgate_memory_blocks",]
