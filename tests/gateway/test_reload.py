"""Settings of a running gateway change, over real sockets."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from gateway.admission.origin import AllowedHosts, AllowedOrigins
from gateway.auth.settings import AuthSettings
from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK
from gateway.reload import CHANGEABLE, REASON, effective, notices, reload
from gateway.settings import Settings
from market.prices.stats import Stats
from market.prices.symbols import parse_symbols
from market.settings.environ import SettingError
from market.wire.stats import encode_stats, encode_stats_batch
from tests.client import Client, connected
from tests.fakes import decoded
from tests.gateway.auth.tokens import private_key, public_pem, token
from tests.gateway.conftest import RunningGateway, Start, ask, stop_the_clock

loads = msgspec.json.decode


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    """The level of the log is the process's; it is put back."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


def change(running: RunningGateway, **fields: Any) -> None:
    """Read settings again, with nothing but ``fields`` other than before."""
    reload(running.gateway, msgspec.structs.replace(running.gateway.settings, **fields))


def told_of(client: Client) -> list[tuple[str, Any]]:
    """What a client heard of symbols that it lost, in order."""
    return [
        (message["type"], message.get("symbol") or message["symbols"])
        for message in client.messages
        if message["type"] in {"symbol_status", "unsubscribed"}
    ]


async def test_clients_of_a_removed_symbol_are_told_and_the_others_hear_nothing_of_it(start: Start) -> None:
    """State `unknown` with the reason, then `unsubscribed`; what else a client holds goes on without a gap."""
    running = await start(symbols=parse_symbols("BTCUSDT,ETHUSDT,SOLUSDT"))
    async with connected(running.url) as holder, connected(running.url) as other, connected(running.url) as star:
        await holder.subscribe("BTC", "ETH", "SOL", conflate=False)
        await other.subscribe("BTC")
        await star.subscribe("*", batch=True)
        change(running, symbols=parse_symbols("BTCUSDT,XRPUSDT"))
        for seq in range(1, 20):
            await running.publish("BTCUSDT", seq)
            await running.publish("ETHUSDT", seq)
            await running.publish("XRPUSDT", seq)
            await asyncio.sleep(0)
        expected = [
            ("symbol_status", "ETHUSDT"),
            ("symbol_status", "SOLUSDT"),
            ("unsubscribed", ["ETHUSDT", "SOLUSDT"]),
        ]
        for client in (holder, star):
            await client.until(lambda client: client.count("unsubscribed") == 1)
            assert expected == told_of(client)
            status = next(message for message in client.messages if message["type"] == "symbol_status")
            assert ("unknown", REASON) == (status["state"], status["reason"])
            assert status["since_us"] > 0
            await client.send({"type": "list"})
            await client.until(lambda client: client.count("subscriptions") == 1)
            # A star was what there was when it was said.
            assert ["BTCUSDT"] == client.messages[-1]["symbols"]
        await holder.until(lambda client: client.newest_seq("BTCUSDT") == 19)
        assert list(range(1, 20)) == holder.seqs("BTCUSDT")
        await other.until(lambda client: client.newest_seq("BTCUSDT") == 19)
        assert [] == told_of(other)
        assert "XRPUSDT" not in star.prices
        # Every tick, the newest, and the newest in batches.
        assert 3 == running.gateway.hub.cohort_count


async def test_figures_of_a_removed_symbol_are_lost_with_it(start: Start) -> None:
    """A client is told in which channels it holds it no longer; figures of the others go on."""
    running = await start(symbols=parse_symbols("BTCUSDT,ETHUSDT"))

    def publish(last: str, *symbols: str) -> None:
        parts = [(name, encode_stats(Stats(symbol=name, ts_us=int(float(last)), last=last))) for name in symbols]
        running.gateway.feed.stats_feed.batch_received("binance", encode_stats_batch(parts))

    def figures(client: Client) -> list[tuple[str, str]]:
        return [(one["symbol"], one["last"]) for one in client.received("stats")]

    publish("1.0", "BTCUSDT", "ETHUSDT")
    async with connected(running.url) as client:
        await client.send({"type": "subscribe", "channel": "stats", "symbols": ["*"]})
        await client.subscribe("ETH")
        await client.until(lambda client: len(figures(client)) == 2)
        change(running, symbols=parse_symbols("BTCUSDT,SOLUSDT"))
        publish("2.0", "BTCUSDT", "ETHUSDT", "SOLUSDT")
        await client.until(lambda client: len(figures(client)) == 3 and client.count("unsubscribed") == 2)
        assert [("BTCUSDT", "1.0"), ("ETHUSDT", "1.0"), ("BTCUSDT", "2.0")] == figures(client)
        expected = [("symbol_status", "ETHUSDT"), ("unsubscribed", ["ETHUSDT"]), ("unsubscribed", ["ETHUSDT"])]
        assert expected == told_of(client)
        assert [None, "stats"] == [one.get("channel") for one in client.received("unsubscribed")]
        await client.send({"type": "subscribe", "channel": "stats", "symbols": ["SOL"]})
        await client.until(lambda client: ("SOLUSDT", "2.0") in figures(client))
        await client.send({"type": "list"})
        await client.until(lambda client: client.count("subscriptions") == 1)
        assert [] == client.messages[-1]["symbols"]
        assert {"stats": ["BTCUSDT", "SOLUSDT"]} == client.messages[-1]["channels"]


async def test_an_added_symbol_can_be_subscribed_at_once(start: Start) -> None:
    """By who was here and by who comes, by its short name too; its last value follows as soon as it is known."""
    running = await start(symbols=parse_symbols("BTCUSDT"))
    await running.publish("XRPUSDT", 5)
    async with connected(running.url) as client:
        await client.send({"type": "subscribe", "symbols": ["XRP"]})
        await client.until(lambda client: client.count("error") == 1)
        change(running, symbols=parse_symbols("BTCUSDT,XRPUSDT"))
        await client.subscribe("XRP")
        await client.until(lambda client: client.newest_seq("XRPUSDT") == 5)
        async with connected(running.url) as newcomer:
            await newcomer.subscribe("*")
            await newcomer.until(lambda client: client.newest_seq("XRPUSDT") == 5)
        await running.publish("XRPUSDT", 6)
        await client.until(lambda client: client.newest_seq("XRPUSDT") == 6)
        assert [] == told_of(client)


async def test_a_symbol_removed_and_added_again_is_subscribed_anew(start: Start) -> None:
    """Nothing of the first time is left: no subscription, and no price."""
    running = await start(symbols=parse_symbols("BTCUSDT,ETHUSDT"))
    async with connected(running.url) as client:
        await client.subscribe("ETH")
        await running.publish("ETHUSDT", 1)
        change(running, symbols=parse_symbols("BTCUSDT"))
        await client.until(lambda client: client.count("unsubscribed") == 1)
        assert "ETHUSDT" not in running.gateway.hub._last
        change(running, symbols=parse_symbols("BTCUSDT,ETHUSDT"))
        await running.publish("ETHUSDT", 2)
        await client.subscribe("ETH")
        await client.until(lambda client: client.newest_seq("ETHUSDT") == 2)
        assert [1, 2] == client.seqs("ETHUSDT")


async def test_a_venue_comes_with_its_first_symbol(start: Start) -> None:
    """Who is here is told of its feed at once, and who comes later too; its symbol can be subscribed by its name."""
    running = await start(symbols=parse_symbols("BTCUSDT"))
    both = {"binance", "coinbase"}
    async with connected(running.url) as client:
        await client.subscribe("BTC")
        change(running, symbols=parse_symbols("BTCUSDT,coinbase:BTC-USD"))
        await client.until(lambda client: {its["venue"] for its in client.received("status")} == both)
        assert {"coinbase": 0} == {
            name: its for name, its in running.gateway.feed.live_venues().items() if name != "binance"
        }
        await client.subscribe("Coinbase:btc-usd")
        await running.publish("coinbase:BTC-USD", 5)
        await client.until(lambda client: client.newest_seq("coinbase:BTC-USD") == 5)
        async with connected(running.url) as newcomer:
            await newcomer.subscribe("*")
            await newcomer.until(lambda client: client.newest_seq("coinbase:BTC-USD") == 5)
            assert both == {its["venue"] for its in newcomer.received("status")}
            assert 2 == newcomer.count("status")


async def _next_kind(socket: ClientConnection) -> str:
    """The kind of the next message that is not about a whole venue."""
    while (kind := loads(await socket.recv())["type"]) == "status":
        pass
    assert isinstance(kind, str)
    return kind


async def test_many_holders_are_told_without_anybody_waiting_for_it(start: Start) -> None:
    """Each of hundreds is told once, and ticks go between."""
    running = await start(symbols=parse_symbols("BTCUSDT,ETHUSDT"), max_connect_rate_per_ip=0)
    async with asyncio.TaskGroup() as group:
        opening = [group.create_task(connect(running.url).__aenter__()) for _ in range(300)]
    sockets = [task.result() for task in opening]
    async with asyncio.TaskGroup() as group:
        for socket in sockets:
            group.create_task(socket.send('{"type":"subscribe","symbols":["*"]}'))
    for socket in sockets:
        assert ["welcome", "subscribed"] == [await _next_kind(socket) for _ in range(2)]
    change(running, symbols=parse_symbols("BTCUSDT"))
    await running.publish("BTCUSDT", 1)
    for socket in sockets:
        heard = {await _next_kind(socket) for _ in range(3)}
        assert {"symbol_status", "unsubscribed", "tick"} == heard
    assert 1 == running.gateway.hub.cohort_count
    for socket in sockets:
        await socket.close()


def test_what_is_told_is_made_once_in_each_encoding() -> None:
    """Whoever lost the same gets the same bytes."""
    make = notices(7)
    for encoding in (JSON, MSGPACK):
        frames = make(frozenset({"B", "A"}), encoding)
        assert frames is make(frozenset({"A", "B"}), encoding)
        status = {"type": "symbol_status", "state": "unknown", "reason": REASON, "since_us": 7}
        assert [
            status | {"symbol": "A"},
            status | {"symbol": "B"},
            {"type": "unsubscribed", "symbols": ["A", "B"]},
        ] == list(decoded(frames))
        lost = {"type": "unsubscribed", "symbols": ["A"], "channel": "stats"}
        assert [lost] == list(decoded(make(frozenset({"A@stats"}), encoding)))


async def test_limits_change_for_those_who_are_here(start: Start) -> None:
    """Messages, their length, symbols and errors of a connection that was there before."""
    running = await start(max_messages_per_second=0)
    async with connected(running.url) as client:
        change(running, max_symbols_per_connection=1, max_messages_per_second=1)
        await client.send({"type": "subscribe", "symbols": ["BTC", "ETH"]})
        await client.send({"type": "ping"})
        await client.send({"type": "ping"})
        await client.until(lambda client: client.count("error") == 2)
        assert ["too_many_symbols", "rate_limited"] == [
            message["code"] for message in client.messages if message["type"] == "error"
        ]
        change(running, max_messages_per_second=0, max_errors_per_connection=3)
        await client.send("nonsense")
        await client.send("nonsense")
        assert 4429 == await client.until_closed()
    async with connected(running.url) as client:
        change(running, max_message_bytes=50)
        await client.send({"type": "ping", "id": "x" * 60})
        assert 1009 == await client.until_closed()


async def test_limits_change_for_who_comes(start: Start) -> None:
    """A process that is full by the new limit takes nobody, and keeps whom it has."""
    running = await start()
    async with connected(running.url) as client:
        change(running, max_connections=1)
        with pytest.raises(InvalidStatus, match="503"):
            await connect(running.url)
        change(running, max_connections=0, max_connections_per_ip=1, spare_loopback=False)
        async with connected(running.url):
            # The first was not counted when it came.
            with pytest.raises(InvalidStatus, match="429"):
                await connect(running.url)
        change(running, allowed_origins=AllowedOrigins.parse("https://a.example"))
        with pytest.raises(InvalidStatus, match="403"):
            await connect(running.url, origin=Origin("https://b.example"))
        assert not client.closed


async def test_the_time_for_a_handshake_changes_where_it_is_counted(start: Start) -> None:
    """Who is half-way in when the time is cut short is cut off by the new one."""
    running = await start(handshake_timeout_s=600, drain_seconds=0)
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(b"GET /ws HTTP/1.1\r\n")
    await writer.drain()
    async with connected(running.url):
        change(running, handshake_timeout_s=0.2)
        async with asyncio.timeout(5):
            assert b"" == await reader.read()
    writer.close()


def by_key_file(path: Path, name: str) -> AuthSettings:
    """Settings whose issuer is ``name``; its public key is in the file from now on."""
    path.write_bytes(public_pem(private_key("ES256", name)))
    return AuthSettings(mode="jwt", jwt_public_key_file=str(path))


def bearer(name: str) -> dict[str, str]:
    """Make the header with a token that the key of ``name`` has signed."""
    signed = token("ES256", private_key("ES256", name), exp=4_000_000_000, nbf=0, iat=0)
    return {"Authorization": f"Bearer {signed}"}


async def test_a_rotated_key_file_opens_for_new_tokens_and_closes_to_old_ones(start: Start, tmp_path: Path) -> None:
    """The path is the same, what is in it is not; who is in stays in."""
    auth = by_key_file(tmp_path / "key.pem", "old")
    running = await start(auth=auth)
    async with connect(running.url, additional_headers=bearer("old")) as client:
        with pytest.raises(InvalidStatus, match="401"):
            await connect(running.url, additional_headers=bearer("new"))
        by_key_file(tmp_path / "key.pem", "new")
        change(running)
        async with connect(running.url, additional_headers=bearer("new")):
            pass
        with pytest.raises(InvalidStatus, match="401"):
            await connect(running.url, additional_headers=bearer("old"))
        await client.send('{"type":"subscribe","symbols":["BTC"]}')
        assert ["welcome", "status", "subscribed"] == [loads(await client.recv())["type"] for _ in range(3)]


async def test_a_key_that_cannot_be_used_changes_nothing_at_all(start: Start, tmp_path: Path) -> None:
    """Neither the key nor anything that stands beside it, and the error names the variable."""
    path = tmp_path / "key.pem"
    running = await start(auth=by_key_file(path, "old"), max_connections=7)
    before = running.gateway.settings
    path.write_text("rubbish", encoding="utf-8")
    with pytest.raises(SettingError, match=r"^JWT_PUBLIC_KEY_FILE "):
        change(running, max_connections=8, symbols=parse_symbols("XRPUSDT"))
    assert before is running.gateway.settings
    async with connect(running.url, additional_headers=bearer("old")):
        pass


async def test_a_gateway_that_is_going_away_stays_as_it_is(start: Start) -> None:
    """While it drains nothing changes any more, and nothing goes wrong."""
    running = await start(drain_seconds=0)
    await running.gateway.drain()
    before = running.gateway.settings
    change(running, symbols=parse_symbols("XRPUSDT"), max_connections=1)
    assert before is running.gateway.settings


async def test_what_cannot_change_stays_and_is_named_without_values(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for what was changed, one for what would need a restart; no secret in either."""
    logging.getLogger().setLevel("INFO")
    running = await start()
    caplog.clear()
    change(running, port=1, heartbeat_s=1, bus_url="redis://:sesame@host:1/0", max_connections=9, log_level="DEBUG")
    lines = [
        (record.levelname, record.message) for record in caplog.records if record.name.startswith("gateway.reload")
    ]
    assert [
        ("INFO", "settings read again: MAX_CONNECTIONS 9, LOG_LEVEL DEBUG"),
        ("WARNING", "only a restart can change these, so they stay as they were: BUS_URL, HEARTBEAT_S, GATEWAY_PORT"),
    ] == lines
    assert logging.DEBUG == logging.getLogger().level
    assert (8080, 20, "memory://") == (
        running.gateway.settings.port,
        running.gateway.settings.heartbeat_s,
        running.gateway.settings.bus_url,
    )


def test_a_mode_that_cannot_change_keeps_its_keys() -> None:
    """Settings for another mode say nothing about the tokens of this one."""
    before = Settings(auth=AuthSettings(mode="jwt", jwt_secret="x" * 32))
    assert before.auth is effective(before, Settings()).auth


def test_names_that_follow_from_another_address_are_not_taken_over() -> None:
    """Where the new file would listen elsewhere, the names of here stay: nobody else's page may come in by them."""
    before = Settings.from_environ({})
    wanted = Settings.from_environ({"GATEWAY_HOST": "0.0.0.0", "ALLOW_ANONYMOUS": "1"})  # noqa: S104 - see above
    assert wanted.allowed_hosts.every
    assert before.allowed_hosts == effective(before, wanted).allowed_hosts
    named = Settings.from_environ({"ALLOWED_HOSTS": "a.example"})
    assert AllowedHosts.parse("a.example", only_loopback=True) == effective(before, named).allowed_hosts


def test_every_field_that_can_change_is_one() -> None:
    """The list names fields of the settings, each once."""
    assert set(CHANGEABLE) <= set(Settings.__struct_fields__)
    assert len(CHANGEABLE) == len(set(CHANGEABLE))


async def test_what_requests_may_cost_and_who_sees_metrics_changes_at_once(start: Start) -> None:
    """Also for who has used up what there was; how long a connection is kept, for who comes from then on."""
    running = await start(spare_loopback=False, max_request_rate_per_ip=1)
    stop_the_clock(running)
    page, metrics = (
        f"GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode() for path in ("nothing", "metrics")
    )

    async def status(request: bytes) -> int:
        return int((await ask(running, request)).split()[1])

    assert [404, 404, 429] == [await status(page) for _ in range(3)]
    change(running, max_request_rate_per_ip=100)
    assert 200 == await status(metrics)
    change(running, metrics_token="a-token-for-the-scraper", keepalive_s=0.2)  # noqa: S106 - opens nothing
    assert 401 == await status(metrics)
    change(running, max_request_rate_per_ip=0)
    assert [404] * 300 == [await status(page) for _ in range(300)]
    # Ends by itself.
    assert b" 404 " in await ask(running, page.replace(b"Connection: close\r\n", b""))
