"""Ticks as server-sent events: ``GET /v1/stream``."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme
from msgspec.json import decode as loads

from gateway.admission.origin import AllowedOrigins
from gateway.reload import reload
from gateway.settings import Settings
from market.prices.stats import Stats
from market.prices.symbols import parse_symbols
from market.process.event import Event
from market.process.logs import ACCESS_LOG
from market.wire.stats import encode_stats, encode_stats_batch
from tests.client import connected
from tests.events import Events, listening
from tests.gateway.conftest import RunningGateway, Start
from tests.gateway.conftest import ask as converse
from tests.gateway.http.test_routes import BAD, JWT, PAGE, ask, bearing
from tests.waiting import until

BOTH = parse_symbols("BTCUSDT,ETHUSDT")


def url(running: RunningGateway, query: str = "") -> str:
    """The address of a stream."""
    return f"{running.http_url}v1/stream?{query}"


async def test_it_says_what_a_websocket_says(start_anyhow: Start) -> None:
    """Welcome, status, confirmation and snapshot, then every change; none of it is kept on the way."""
    running = await start_anyhow(symbols=BOTH)
    await running.heartbeat()
    await running.publish("BTCUSDT", 1)
    await until(lambda: running.gateway.feed.live)
    async with listening(url(running, "symbols=BTC,eth")) as events, connected(running.url) as client:
        assert ("text/event-stream", "no") == (events.headers["Content-Type"], events.headers["X-Accel-Buffering"])
        await client.subscribe("BTC", "ETH")
        await events.until(lambda events: events.of("snapshot"))
        for seq in (2, 3):
            await running.publish("BTCUSDT", seq)
            await running.publish("ETHUSDT", seq)
        await events.until(lambda events: events.newest("BTCUSDT") == events.newest("ETHUSDT") == 3)
        await client.until(lambda client: client.newest_seq("BTCUSDT") == client.newest_seq("ETHUSDT") == 3)
        types = [message["type"] for message in events.messages]
        assert ["welcome", "status", "subscribed", "snapshot", "tick", "tick", "tick", "tick"] == types
        assert client.prices["BTCUSDT"] + client.prices["ETHUSDT"] == [
            *(one for one in events.messages if one.get("symbol") == "BTCUSDT"),
            *(one for one in events.messages if one.get("symbol") == "ETHUSDT"),
        ]
        assert 1_000 <= (events.retry_ms or 0) <= 3_000
        assert "" == events.last_event_id


async def test_all_streams_of_one_kind_are_one_cohort(start: Start) -> None:
    """However many: each tick is written once for all of them. When they have gone, nothing is left."""
    running = await start(symbols=BOTH)
    async with AsyncExitStack() as exits:
        streams = [await exits.enter_async_context(listening(url(running, "symbols=BTC&max_hz=50"))) for _ in range(5)]
        for events in streams:
            await events.until(lambda events: events.of("subscribed"))
        assert (5, 1) == (len(running.gateway.hub), running.gateway.hub.cohort_count)
        await running.publish("BTCUSDT", 1)
        for events in streams:
            await events.until(lambda events: events.seqs("BTCUSDT") == [1])
    await until(lambda: (len(running.gateway.hub), running.gateway.hub.cohort_count) == (0, 0))
    assert [] == running.requests


async def test_batches_and_decimal_strings(start_anyhow: Start) -> None:
    """The options of ``subscribe``, as parameters."""
    running = await start_anyhow(symbols=BOTH)
    async with listening(url(running, "batch=true&numbers=decimal&snapshot=false")) as events:
        await events.until(lambda events: events.of("subscribed"))
        await running.publish("BTCUSDT", 1)
        await events.until(lambda events: events.of("ticks"))
        ((tick,),) = (one["ticks"] for one in events.of("ticks"))
        assert ("0.10", "0.11", None) == (tick["bid"], tick["ask"], tick.get("price_scale"))


async def test_who_comes_back_gets_what_it_missed(start: Start) -> None:
    """With every tick asked for: by the last event's id, each tick once and in order, also at another gateway."""
    first, second = await start(symbols=BOTH), await start(symbols=BOTH)

    async def publish(symbol: str, *seqs: int) -> None:
        for seq in seqs:
            for running in (first, second):
                await running.publish(symbol, seq)

    await publish("ETHUSDT", 50)
    await publish("BTCUSDT", 1)
    query = "symbols=BTC,ETH&conflate=false"
    async with listening(url(first, query)) as before:
        await before.until(lambda events: events.of("snapshot"))
        await publish("BTCUSDT", 2, 3)
        await before.until(lambda events: events.newest("BTCUSDT") == 3)
        await before.until(lambda events: events.last_event_id == "BTCUSDT:3,ETHUSDT:50")
    await publish("BTCUSDT", 4, 5, 6)
    await publish("ETHUSDT", 51)
    async with listening(url(second, query), Last_Event_ID=before.last_event_id) as after:
        await after.until(lambda events: events.seqs("ETHUSDT") == [51])
        await after.until(lambda events: events.seqs("BTCUSDT") == [4, 5, 6])
        await publish("BTCUSDT", 7)
        await after.until(lambda events: events.last_event_id == "BTCUSDT:7,ETHUSDT:51")
        assert ([4, 5, 6, 7], [], []) == (after.seqs("BTCUSDT"), after.of("gap"), after.of("snapshot"))


async def test_positions_may_come_in_the_url(start: Start) -> None:
    """For clients that are no browsers. What is not known any more is a gap, as over a WebSocket."""
    running = await start(symbols=BOTH)
    for seq in (10, 11, 12):
        await running.publish("BTCUSDT", seq)
    query = "symbols=BTC&conflate=false&since=BTC:"
    async with listening(url(running, query + "10")) as events:
        await events.until(lambda events: events.seqs("BTCUSDT") == [11, 12])
    async with listening(url(running, query + "3")) as events:
        await events.until(lambda events: events.of("gap", "snapshot") != [] and events.seqs("BTCUSDT") == [12])
        assert [(4, 11)] == [(one["from_seq"], one["to_seq"]) for one in events.of("gap")]


async def test_a_stream_is_alive_though_nothing_changes(start: Start) -> None:
    """An event says so, which a page can see; and what the gateway's clock says."""
    running = await start(heartbeat_s=0.5)
    async with listening(url(running)) as events:
        await events.until(lambda events: len(events.of("heartbeat")) >= 3)
        times = [one["server_us"] for one in events.of("heartbeat")]
        assert sorted(times) == times


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("symbols=NOPE", 404, "unknown_symbol"),
        ("symbols=BTC,NOPE", 404, "unknown_symbol"),
        ("symbol=BTC", 400, "bad_query"),
        ("symbols=*", 400, "too_many_symbols"),
        ("symbols=BTC&since=BTC:1", 400, "bad_query"),
    ],
)
async def test_what_cannot_be_served_is_refused_at_once(
    start_anyhow: Start, query: str, status: int, code: str
) -> None:
    """With a status and words, and nothing of it stays."""
    running = await start_anyhow(symbols=BOTH, max_symbols_per_connection=1)
    answered, headers, body = await ask(running, "GET", f"v1/stream?{query}")
    assert (status, code) == (answered, loads(body)["code"])
    assert "application/json" == headers["Content-Type"]
    assert 0 == len(running.gateway.hub)


async def test_it_is_only_read(start_anyhow: Start) -> None:
    """Other methods are refused; bodies too."""
    running = await start_anyhow()
    for method in ("HEAD", "POST"):
        assert 405 == (await ask(running, method, "v1/stream"))[0]


async def test_a_token_opens_its_own_symbols(start_anyhow: Start) -> None:
    """In the header; in the URL only where that is allowed; or as a ticket, once."""
    running = await start_anyhow(auth=JWT, symbols=BOTH)
    token = bearing(symbols=["ETHUSDT"], max_hz=5, sub="ada")
    async with listening(url(running), **token) as events:
        await events.until(lambda events: events.of("subscribed"))
        assert [["ETHUSDT"]] == [one["symbols"] for one in events.of("subscribed")]
    for path, code in (("symbols=BTC", "forbidden"), ("conflate=false", "forbidden")):
        status, _, body = await ask(running, "GET", f"v1/stream?{path}", **token)
        assert (403, code) == (status, loads(body)["code"])
    in_query = f"token={token['Authorization'].removeprefix('Bearer ')}"
    for query, proof in (("", {}), ("", BAD), (in_query, {}), ("ticket=none", {})):
        assert 401 == (await ask(running, "GET", f"v1/stream?{query}", **proof))[0]
    ticket = loads((await ask(running, "POST", "v1/ticket", **token))[2])["ticket"]
    async with listening(url(running, f"ticket={ticket}")) as events:
        await events.until(lambda events: events.of("subscribed"))
    assert 401 == (await ask(running, "GET", f"v1/stream?ticket={ticket}"))[0]
    await until(lambda: len(running.gateway.hub) == 0)
    assert {} == running.gateway.admission._subjects._counts
    allowing = await start_anyhow(auth=JWT, auth_query_token=True, symbols=BOTH)
    async with listening(url(allowing, in_query)) as events:
        await events.until(lambda events: events.of("subscribed"))


async def test_it_ends_with_its_token(start_anyhow: Start) -> None:
    """A notice comes before, and the reason last: a browser that comes back with it is refused."""
    running = await start_anyhow(auth=JWT, symbols=BOTH)
    async with listening(url(running), **bearing(exp=time.time() - 4)) as events:
        await events.until(lambda events: events.ended.is_set())
        assert ["expiring", "error", "closed"] == [message["type"] for message in events.messages[-3:]]
        assert (4401, "never") == (events.messages[-1]["code"], events.messages[-1]["reconnect"])


async def test_a_subject_has_only_so_many(start_anyhow: Start) -> None:
    """Streams and WebSockets count together."""
    running = await start_anyhow(auth=JWT, max_connections_per_subject=1)
    token = bearing(sub="ada")
    async with listening(url(running), **token):
        status, headers, body = await ask(running, "GET", "v1/stream", **token)
        assert (429, "subject", "5") == (status, loads(body)["code"], headers["Retry-After"])
    await until(lambda: len(running.gateway.hub) == 0)
    async with listening(url(running), **token):
        pass


async def test_an_address_has_only_so_many(start: Start) -> None:
    """A stream counts as the connection that it is, from its accept to its end."""
    running = await start(spare_loopback=False, max_connections_per_ip=2)
    async with AsyncExitStack() as exits:
        for _ in range(2):
            await exits.enter_async_context(listening(url(running)))
        assert b" 429 " in (await converse(running, b"")).partition(b"\r\n")[0]
    await until(lambda: len(running.gateway.hub) == 0)
    assert {} == running.gateway.admission._addresses._counts


async def test_a_full_gateway_takes_none(start_anyhow: Start) -> None:
    """503, with the time to come back."""
    running = await start_anyhow(max_connections=1)
    async with listening(url(running)):
        status, headers, _ = await ask(running, "GET", "v1/stream")
        assert (503, "1") == (status, headers["Retry-After"])


async def test_pages_of_allowed_origins_may_listen(start_anyhow: Start) -> None:
    """With an id to resume from and a token, for which they ask first; no others."""
    running = await start_anyhow(allowed_origins=AllowedOrigins.parse(PAGE))
    async with listening(url(running), Origin=PAGE) as events:
        assert PAGE == events.headers["Access-Control-Allow-Origin"]
    status, headers, _ = await ask(running, "OPTIONS", "v1/stream", Origin=PAGE)
    assert (204, PAGE) == (status, headers["Access-Control-Allow-Origin"])
    assert {"Authorization", "Last-Event-ID"} <= set(headers["Access-Control-Allow-Headers"].split(", "))
    assert 403 == (await ask(running, "GET", "v1/stream", Origin="https://evil.example"))[0]


async def test_a_gateway_that_goes_away_ends_its_streams(start: Start) -> None:
    """Each is told when to come back, and why it ends."""
    running = await start(drain_seconds=0.3)
    async with listening(url(running)) as events:
        await running.gateway.drain()
        await events.until(lambda events: events.ended.is_set())
        assert ["shutdown", "closed"] == [message["type"] for message in events.messages[-2:]]
        assert (1012, "at once") == (events.messages[-1]["code"], events.messages[-1]["reconnect"])


async def test_symbols_that_are_no_longer_served_are_taken_away(start: Start) -> None:
    """With the same words as over a WebSocket; the others go on."""
    running = await start(symbols=BOTH)
    async with listening(url(running)) as events:
        await events.until(lambda events: events.of("subscribed"))
        reload(running.gateway, Settings(bus_url="memory://", symbols=parse_symbols("BTCUSDT")))
        await events.until(lambda events: events.of("unsubscribed"))
        assert [["ETHUSDT"]] == [one["symbols"] for one in events.of("unsubscribed")]
        await running.publish("BTCUSDT", 1)
        await events.until(lambda events: events.seqs("BTCUSDT") == [1])


async def test_who_reads_nothing_is_cut_off(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """And holds nothing up; the others have every newest price. It is slow by the kernel's word alone."""
    caplog.set_level(logging.INFO)
    running = await start(symbols=BOTH, lag_timeout_s=0.4)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, (running.host, running.port))
    client.send(b"GET /v1/stream?symbols=BTC HTTP/1.1\r\nHost: x\r\n\r\n")
    async with listening(url(running, "symbols=BTC")) as events:
        await until(lambda: len(running.gateway.hub) == 2)
        seq = 0
        while len(running.gateway.hub) == 2:
            for _ in range(100):
                seq += 1
                await running.publish("BTCUSDT", seq)
            await asyncio.sleep(0)
            assert seq < 1_000_000
        await events.until(lambda events: events.newest("BTCUSDT") == seq)
    client.close()
    assert 1 <= running.gateway.counters.lags
    [record] = (one for one in caplog.records if one.name == ACCESS_LOG)
    assert isinstance(record.msg, Event)
    values = record.msg.values(record.args)
    assert values["end"].startswith("cut off")
    assert ("127.0.0.1", 0, 0) == (values["address"], values["code"], values["messages"])
    assert values["bytes_out"] > 0
    assert 0.4 <= values["slow_s"] <= values["duration_s"]


async def test_who_reads_again_gets_the_newest(start: Start) -> None:
    """One price of each symbol in place of all that it did not read, and how many those were."""
    running = await start(symbols=BOTH, lag_timeout_s=60)
    reader, writer = await asyncio.open_connection(running.host, running.port, limit=1)
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.write(b"GET /v1/stream?symbols=BTC HTTP/1.1\r\nHost: x\r\n\r\n")
    seq = 0
    while not len(running.gateway.hub.slow):
        for _ in range(100):
            seq += 1
            await running.publish("BTCUSDT", seq)
        await asyncio.sleep(0)
    for _ in range(1_000):
        seq += 1
        await running.publish("BTCUSDT", seq)
    events = Events()
    reading = asyncio.create_task(events.read(_body(reader)))
    await events.until(lambda events: events.newest("BTCUSDT") == seq)
    await until(lambda: len(running.gateway.hub.slow) == 0)
    came = events.seqs("BTCUSDT")
    assert sorted(set(came)) == came
    # A busy gateway leaves out some by itself, of which no notice speaks.
    assert 999 <= sum(lag["conflated"] for lag in events.of("lag")) <= seq - came[0] + 1 - len(came)
    await running.publish("BTCUSDT", seq + 1)
    await events.until(lambda events: events.newest("BTCUSDT") == seq + 1)
    reading.cancel()
    writer.close()


async def _body(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of an answer behind its head."""
    kept, in_head = b"", True
    while data := await reader.read(4096):
        *lines, kept = (kept + data).split(b"\n")
        for line in lines:
            if not in_head:
                yield line + b"\n"
            in_head = in_head and line != b"\r"


async def test_a_connection_that_has_asked_before_may_become_a_stream(start: Start) -> None:
    """As a proxy's does. What is asked for behind it is never answered: the stream is the last answer."""
    running = await start(symbols=BOTH, drain_seconds=0)
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    asked = b"GET /v1/stream?symbols=BTC HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    writer.write(asked + b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"\r\nConnection: close\r\n" in await reader.readuntil(b"\r\n\r\n")
    await until(lambda: len(running.gateway.hub) == 1)
    await running.publish("BTCUSDT", 1)
    await reader.readuntil(b'"seq":1,')
    await running.gateway.drain()
    assert b"HTTP/1.1" not in await reader.read()
    writer.close()


async def test_an_old_client_gets_the_same(start: Start) -> None:
    """HTTP/1.0 has no chunks, and a stream needs none."""
    running = await start(symbols=BOTH)
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(b"GET /v1/stream?symbols=BTC HTTP/1.0\r\nHost: x\r\n\r\n")
    await reader.readuntil(b'"subscribed"')
    writer.close()


async def test_it_goes_over_tls(start: Start, tmp_path: Path) -> None:
    """Where the gateway ends it; browsers are told to keep to it. A reader that stalls is slow there too."""
    authority = trustme.CA()
    path = str(tmp_path / "cert.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    names = [f"S{number}USDT" for number in range(200)]
    running = await start(symbols=parse_symbols(",".join(names)), tls_cert=path, lag_timeout_s=60)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (running.host, running.port))
    reader, writer = await asyncio.open_connection(sock=narrow, ssl=client, server_hostname=running.host, limit=1)
    writer.write(b"GET /v1/stream?symbols=* HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: len(running.gateway.hub) == 1)
    seq = 0
    while not len(running.gateway.hub.slow):
        seq += 1
        for name in names:
            await running.publish(name, seq)
        await asyncio.sleep(0)
    said = b""
    while b'"seq":%d,' % seq not in said:
        said += await reader.read(65536)
    assert b"\r\nStrict-Transport-Security: max-age=31536000\r\n" in said
    writer.close()


async def test_the_figures_of_a_day_are_a_channel_of_their_own(start: Start) -> None:
    """The last ones first, then every change; as they were written, whatever numbers are asked for."""
    running = await start(symbols=BOTH)

    def figures(last: str) -> None:
        part = ("BTCUSDT", encode_stats(Stats(symbol="BTCUSDT", ts_us=1, last=last)))
        running.gateway.feed.stats_feed.batch_received("binance", encode_stats_batch([part]))

    figures("65032.18000000")
    async with listening(url(running, "symbols=BTC&channel=stats&numbers=decimal")) as events:
        await events.until(lambda events: events.of("stats"))
        figures("65032.20000000")
        await events.until(lambda events: len(events.of("stats")) == 2)
        assert [("BTCUSDT", "65032.18000000"), ("BTCUSDT", "65032.20000000")] == [
            (one["symbol"], one["last"]) for one in events.of("stats")
        ]
        assert [["BTCUSDT", "stats"]] == [[*one["symbols"], one["channel"]] for one in events.of("subscribed")]
