"""The local exchange keeps Binance's rules, and notices who does not: otherwise no test of ours means much."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from yarl import URL

from tests.exchange import Exchange, Limits

QUICK = Limits(message_window_s=0.2, summary_s=0.02)


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """Two listed symbols."""
    async with Exchange(["BTCUSDT", "ETHUSDT"], QUICK) as exchange:
        yield exchange


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A plain client."""
    async with ClientSession() as session:
        yield session


def rules(exchange: Exchange) -> list[str]:
    """List the rules that were broken."""
    return [violation.rule for violation in exchange.violations]


async def ask(session: ClientSession, exchange: Exchange, path: str) -> tuple[int, Any, dict[str, str]]:
    """Ask by REST; status, body and headers of the answer."""
    async with session.get(URL(f"{exchange.rest_url}/api/v3/{path}", encoded=True)) as response:
        return response.status, await response.json(content_type=None), dict(response.headers)


async def reply(socket: ClientWebSocketResponse, request: Any) -> Any:
    """Send a request over a stream, and return the answer."""
    await socket.send_str(request if isinstance(request, str) else json.dumps(request))
    return await socket.receive_json(timeout=10)


async def test_ping_time_and_unknown_paths(exchange: Exchange, session: ClientSession) -> None:
    """``ping`` is empty, ``time`` is now; other paths are none."""
    assert (200, {}) == (await ask(session, exchange, "ping"))[:2]
    assert (await ask(session, exchange, "time"))[1]["serverTime"] > 1_700_000_000_000
    async with session.get(f"{exchange.rest_url}/api/v3/nonsense") as response:
        assert 404 == response.status


async def test_one_gives_an_object_and_several_an_array(exchange: Exchange, session: ClientSession) -> None:
    """``symbol`` gives an object; ``symbols`` and none give arrays."""
    one = (await ask(session, exchange, "ticker/bookTicker?symbol=BTCUSDT"))[1]
    assert {"symbol", "bidPrice", "bidQty", "askPrice", "askQty"} == set(one)
    for query in ("", "?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D"):
        for path in ("ticker/bookTicker", "ticker/24hr"):
            rows = (await ask(session, exchange, f"{path}{query}"))[1]
            assert ["BTCUSDT", "ETHUSDT"] == [row["symbol"] for row in rows]


async def test_exchange_info_of_some_and_all(exchange: Exchange, session: ClientSession) -> None:
    """``exchangeInfo`` lists what it is asked for, filters included, at a weight of 20."""
    for query, symbols in (("", ["BTCUSDT", "ETHUSDT"]), ("?symbol=BTCUSDT", ["BTCUSDT"])):
        status, answer, headers = await ask(session, exchange, f"exchangeInfo{query}")
        assert (200, symbols) == (status, [entry["symbol"] for entry in answer["symbols"]])
    assert "40" == headers["X-MBX-USED-WEIGHT-1M"]
    assert "0.01000000" == answer["symbols"][0]["filters"][0]["tickSize"]


async def test_wrong_symbols_are_refused(exchange: Exchange, session: ClientSession) -> None:
    """An unknown symbol is -1121; a list that is not encoded, or has blanks, is refused and recorded."""
    status, answer, _ = await ask(session, exchange, "ticker/bookTicker?symbol=NOPE")
    assert (400, {"code": -1121, "msg": "Invalid symbol."}) == (status, answer)
    assert [] == rules(exchange)
    assert 400 == (await ask(session, exchange, "ticker/24hr?symbols=%5B%22BTCUSDT%22%2C%20%22ETHUSDT%22%5D"))[0]
    assert ["symbols"] == rules(exchange)


async def test_weights_of_the_table(session: ClientSession) -> None:
    """Each form of each request costs what the documents say."""
    symbols = [f"S{number}USDT" for number in range(101)]
    weights = {}
    async with Exchange(symbols) as exchange:
        for path, number in [(p, n) for p in ("ticker/bookTicker", "ticker/24hr") for n in (0, 1, 20, 21, 100, 101)]:
            names = "%2C".join(f"%22{symbol}%22" for symbol in symbols[:number])
            await ask(session, exchange, f"{path}?symbols=%5B{names}%5D" if number else path)
            weights[path[7:], number] = exchange.requests[-1].weight
    assert [4, 2, 4, 4, 4, 4] == [weights["bookTicker", number] for number in (0, 1, 20, 21, 100, 101)]
    assert [80, 2, 2, 40, 40, 80] == [weights["24hr", number] for number in (0, 1, 20, 21, 100, 101)]


async def test_too_much_weight_is_429_and_going_on_is_418(session: ClientSession) -> None:
    """Over the limit the answer is 429 with Retry-After; who goes on is banned, and both are recorded."""
    async with Exchange(["BTCUSDT"], Limits(weight=25, weight_window_s=3600.0)) as exchange:
        assert 200 == (await ask(session, exchange, "exchangeInfo"))[0]
        assert 200 == (await ask(session, exchange, "ticker/bookTicker"))[0]
        status, answer, headers = await ask(session, exchange, "ticker/bookTicker")
        assert (429, -1003) == (status, answer["code"])
        assert 0 < int(headers["Retry-After"]) <= 3600
        status, answer, headers = await ask(session, exchange, "ping")
        assert (418, -1003) == (status, answer["code"])
        assert "IP banned until" in answer["msg"]
        assert int(headers["Retry-After"]) >= 120
        assert ["weight", "ban"] == rules(exchange)


async def test_faults_of_rest(exchange: Exchange, session: ClientSession) -> None:
    """Canned answers come as often as ordered, on the path ordered, and end when healed."""
    exchange.answer(403, b'"no"', times=1)
    exchange.answer(500, b"{}", path="ticker/24hr")
    assert 403 == (await ask(session, exchange, "ping"))[0]
    assert 200 == (await ask(session, exchange, "ping"))[0]
    async with session.get(f"{exchange.rest_url}/api/v3/ticker/24hr") as response:
        assert 500 == response.status
    exchange.heal()
    assert 200 == (await ask(session, exchange, "ticker/24hr"))[0]
    exchange.answer(418, times=1, retry_after_s=7)
    assert "7" == (await ask(session, exchange, "ping"))[2]["Retry-After"]
    assert 418 == (await ask(session, exchange, "ping"))[0]
    assert ["ban"] == rules(exchange)


async def test_raw_and_combined_streams(exchange: Exchange, session: ClientSession) -> None:
    """``/ws`` sends payloads alone, ``/stream`` wraps them with the stream's name."""
    async with (
        session.ws_connect(f"{exchange.ws_url}/ws/btcusdt@bookTicker") as raw,
        session.ws_connect(f"{exchange.ws_url}/stream?streams=btcusdt@bookTicker/ethusdt@miniTicker") as combined,
    ):
        await exchange.until(lambda: len(exchange.open_connections) == 2)
        exchange.quote("BTCUSDT", bid="5.0", update_id=9)
        exchange.quote("ETHUSDT", last="6.0")
        quote = {"u": 9, "s": "BTCUSDT", "b": "5.0", "B": "1.00000000", "a": "100.01000000", "A": "2.00000000"}
        assert quote == await raw.receive_json(timeout=10)
        got = [await combined.receive_json(timeout=10) for _ in range(2)]
        assert {"stream": "btcusdt@bookTicker", "data": quote} in got
        summary = next(message["data"] for message in got if message["stream"] == "ethusdt@miniTicker")
        assert ("24hrMiniTicker", "ETHUSDT") == (summary["e"], summary["s"])


async def test_every_kind_of_stream(exchange: Exchange, session: ClientSession) -> None:
    """Trades come with a new last price, the full summary in its second."""
    async with session.ws_connect(f"{exchange.ws_url}/stream?streams=btcusdt@aggTrade/btcusdt@ticker") as socket:
        await exchange.until(lambda: exchange.open_connections)
        exchange.quote("BTCUSDT", last="5.0")
        events = [(await socket.receive_json(timeout=10))["data"]["e"] for _ in range(2)]
        assert ["aggTrade", "24hrTicker"] == events


async def test_streams_tell_changes_only(exchange: Exchange, session: ClientSession) -> None:
    """What is as it was is not told; a new last price is no quote, and a new bid no summary."""
    names = "btcusdt@bookTicker/btcusdt@miniTicker/ethusdt@bookTicker/ethusdt@miniTicker"
    async with session.ws_connect(f"{exchange.ws_url}/stream?streams={names}") as socket:
        await exchange.until(lambda: exchange.open_connections)
        exchange.quote("BTCUSDT", bid="100.00000000", last="100.00000000")
        exchange.quote("BTCUSDT", last="7.0")
        assert "btcusdt@miniTicker" == (await socket.receive_json(timeout=10))["stream"]
        exchange.quote("ETHUSDT", bid="7.0")
        assert "ethusdt@bookTicker" == (await socket.receive_json(timeout=10))["stream"]
        with pytest.raises(TimeoutError):
            await socket.receive_json(timeout=5 * QUICK.summary_s)


async def test_dead_stream_beside_a_living_one(exchange: Exchange, session: ClientSession) -> None:
    """A stream that was made quiet says nothing on that connection; REST moves on, and so does another connection."""
    async with (
        session.ws_connect(f"{exchange.ws_url}/ws/btcusdt@bookTicker") as dead,
        session.ws_connect(f"{exchange.ws_url}/ws/btcusdt@bookTicker") as living,
    ):
        await exchange.until(lambda: len(exchange.open_connections) == 2)
        exchange.connections[0].quiet_streams.add("btcusdt@bookTicker")
        exchange.quote("BTCUSDT", bid="7.0")
        assert "7.0" == (await living.receive_json(timeout=10))["b"]
        assert "7.0" == (await ask(session, exchange, "ticker/bookTicker?symbol=BTCUSDT"))[1]["bidPrice"]
        with pytest.raises(TimeoutError):
            await dead.receive_json(timeout=0.05)


async def test_quiet_connection_answers_pings_and_a_deaf_one_does_not(
    exchange: Exchange, session: ClientSession
) -> None:
    """Quiet is alive; deaf is not."""
    async with session.ws_connect(f"{exchange.ws_url}/stream", autoping=False) as socket:
        await exchange.until(lambda: exchange.open_connections)
        exchange.connections[0].quiet = True
        await socket.ping(b"1")
        assert WSMsgType.PONG is (await socket.receive(timeout=10)).type
        exchange.connections[0].deaf = True
        await socket.ping(b"2")
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.05)


@pytest.mark.parametrize("status", ["BREAK", "HALT", "CANCEL_ONLY"])
async def test_status_and_filters_change_while_running(exchange: Exchange, session: ClientSession, status: str) -> None:
    """The next ``exchangeInfo`` tells the status and the steps of now, of that symbol alone."""
    exchange.market.set_status("BTCUSDT", status)
    exchange.market.set_filter("BTCUSDT", "PRICE_FILTER", tickSize="0.00100000")
    bitcoin, ether = (await ask(session, exchange, "exchangeInfo"))[1]["symbols"]
    assert (status, "0.00100000") == (bitcoin["status"], bitcoin["filters"][0]["tickSize"])
    assert ("TRADING", "0.01000000") == (ether["status"], ether["filters"][0]["tickSize"])


async def test_delisted_symbol_is_gone(exchange: Exchange, session: ClientSession) -> None:
    """It is in no answer about all, a list that names it is refused, no stream tells of it; listed again it is back."""
    listed = "?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D"
    async with session.ws_connect(f"{exchange.ws_url}/ws/ethusdt@bookTicker") as socket:
        await exchange.until(lambda: exchange.open_connections)
        exchange.market.delist("ETHUSDT")
        exchange.quote("ETHUSDT", bid="7.0")
        assert ["BTCUSDT"] == [its["symbol"] for its in (await ask(session, exchange, "exchangeInfo"))[1]["symbols"]]
        for path in ("exchangeInfo", "ticker/bookTicker", "ticker/24hr"):
            assert -1121 == (await ask(session, exchange, f"{path}{listed}"))[1]["code"]
        exchange.market.enlist("ETHUSDT")
        assert 200 == (await ask(session, exchange, f"ticker/bookTicker{listed}"))[0]
        exchange.quote("ETHUSDT", bid="8.0")
        assert "8.0" == (await socket.receive_json(timeout=10))["b"]


async def test_stream_of_a_symbol_listed_later_has_to_be_subscribed_again(
    exchange: Exchange, session: ClientSession
) -> None:
    """A stream that did not exist when it was subscribed stays silent until it is subscribed once more."""
    async with session.ws_connect(f"{exchange.ws_url}/stream?streams=newusdt@bookTicker") as socket:
        await exchange.until(lambda: exchange.open_connections)
        exchange.market.enlist("NEWUSDT")
        exchange.quote("NEWUSDT", bid="7.0")
        again = {"method": "SUBSCRIBE", "params": ["newusdt@bookTicker"], "id": 1}
        assert {"result": None, "id": 1} == await reply(socket, again)
        exchange.quote("NEWUSDT", bid="8.0")
        assert "8.0" == (await socket.receive_json(timeout=10))["data"]["b"]


async def test_answers_may_lack_a_symbol(exchange: Exchange, session: ClientSession) -> None:
    """One that is left out is missing among several, and there when asked for alone."""
    exchange.faults.left_out.add("ETHUSDT")
    assert ["BTCUSDT"] == [row["symbol"] for row in (await ask(session, exchange, "ticker/bookTicker"))[1]]
    assert "ETHUSDT" == (await ask(session, exchange, "ticker/bookTicker?symbol=ETHUSDT"))[1]["symbol"]


async def test_symbols_in_other_scripts(session: ClientSession) -> None:
    """A symbol of any letters is listed, named in encoded lists and told on streams; a slash or a blank is in none."""
    name = "币安人生USDT"
    async with (
        Exchange(["BTCUSDT", name], QUICK) as exchange,
        session.ws_connect(f"{exchange.ws_url}/stream") as socket,
    ):
        streams = [f"{name.lower()}@bookTicker"]
        assert 1 == (await reply(socket, {"method": "SUBSCRIBE", "params": streams, "id": 1}))["id"]
        exchange.quote(name, bid="7.0")
        assert name == (await socket.receive_json(timeout=10))["data"]["s"]
        for symbol, status in ((name, 200), ("BTC/USDT", 400), ("btcusdt", 400)):
            listed = quote(json.dumps(["BTCUSDT", symbol], separators=(",", ":"), ensure_ascii=False), safe="")
            got, answer, _ = await ask(session, exchange, f"ticker/bookTicker?symbols={listed}")
            assert status == got
            assert status == 200 or answer["code"] == -1100
        assert [] == rules(exchange)


async def test_conversation_about_subscriptions(session: ClientSession) -> None:
    """SUBSCRIBE, LIST_SUBSCRIPTIONS and UNSUBSCRIBE are answered by number; nonsense by error codes."""
    # Seven messages in a row, and the pace is not the question here.
    async with (
        Exchange(["BTCUSDT"], Limits(messages=100)) as exchange,
        session.ws_connect(f"{exchange.ws_url}/stream") as socket,
    ):
        streams = ["btcusdt@bookTicker", "nope@bookTicker"]
        assert {"result": None, "id": 1} == await reply(socket, {"method": "SUBSCRIBE", "params": streams, "id": 1})
        assert {"result": streams, "id": 2} == await reply(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 2})
        gone = {"method": "UNSUBSCRIBE", "params": streams[:1], "id": 3}
        assert {"result": None, "id": 3} == await reply(socket, gone)
        assert {"result": streams[1:], "id": 4} == await reply(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 4})
        assert 3 == (await reply(socket, "hello"))["code"]
        assert 2 == (await reply(socket, {"method": "DANCE", "id": 5}))["code"]
        assert 2 == (await reply(socket, {"id": 6}))["code"]
        assert [] == rules(exchange)


async def test_unknown_and_upper_case_symbols_are_silence(exchange: Exchange, session: ClientSession) -> None:
    """A stream that does not exist is granted, and nothing is ever told on it."""
    names = "nope@miniTicker/BTCUSDT@miniTicker/btcusdt@nonsense/ethusdt@miniTicker"
    async with session.ws_connect(f"{exchange.ws_url}/stream?streams={names}") as socket:
        await exchange.until(lambda: exchange.open_connections)
        received = set()
        for number in range(3):
            for symbol in ("BTCUSDT", "ETHUSDT"):
                exchange.quote(symbol, last=f"{number}.0")
            received.add((await socket.receive_json(timeout=10))["stream"])
    assert {"ethusdt@miniTicker"} == received


async def test_too_many_streams(session: ClientSession) -> None:
    """More streams than a connection may have are refused with code 4, and recorded."""
    async with (
        Exchange(["BTCUSDT"], Limits(streams=2)) as exchange,
        session.ws_connect(f"{exchange.ws_url}/stream") as socket,
    ):
        request = {"method": "SUBSCRIBE", "params": ["a@x", "b@x", "c@x"], "id": 19}
        expected = {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 19}
        assert expected == await reply(socket, request)
        assert ["streams"] == rules(exchange)


async def test_oversized_subscribe_is_not_answered(exchange: Exchange, session: ClientSession) -> None:
    """A request above 4,096 bytes gets no reply at all, the next one does; both excesses are recorded."""
    async with session.ws_connect(f"{exchange.ws_url}/stream") as socket:
        many = [f"symbol{number:03d}usdt@bookTicker" for number in range(201)]
        await socket.send_json({"method": "SUBSCRIBE", "params": many, "id": 1})
        assert 2 == (await reply(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 2}))["id"]
        short = [f"{number}@x" for number in range(201)]
        assert 3 == (await reply(socket, {"method": "SUBSCRIBE", "params": short, "id": 3}))["id"]
    assert ["bytes", "subscribe"] == rules(exchange)


async def test_sixth_message_in_the_window_closes(exchange: Exchange, session: ClientSession) -> None:
    """Any six messages in a window, pongs among them, are closed with 1008."""
    async with session.ws_connect(f"{exchange.ws_url}/stream") as socket:
        for number in range(3):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
            await socket.pong(b"")
        while (await socket.receive(timeout=10)).type is WSMsgType.TEXT:
            pass
        assert 1008 == socket.close_code
    assert ["messages"] == rules(exchange)


async def test_missing_pong_closes(session: ClientSession) -> None:
    """A client that does not answer pings, or with another payload, is closed and recorded."""
    limits = Limits(ping_s=0.05, pong_timeout_s=0.3, messages=1000)
    async with (
        Exchange(["BTCUSDT"], limits) as exchange,
        session.ws_connect(f"{exchange.ws_url}/stream", autoping=False) as socket,
    ):
        while (message := await socket.receive(timeout=10)).type is WSMsgType.PING:
            await socket.pong(b"another")
        assert (WSMsgType.CLOSE, 1008) == (message.type, message.data)
        assert ["pong"] == rules(exchange)


async def test_too_many_connections_are_refused(session: ClientSession) -> None:
    """More attempts in the window than allowed are refused and recorded."""
    async with Exchange(["BTCUSDT"], Limits(connects=2)) as exchange:
        for _ in range(2):
            async with session.ws_connect(f"{exchange.ws_url}/stream"):
                pass
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{exchange.ws_url}/stream")
        assert ["connects"] == rules(exchange)


async def test_life_ends(session: ClientSession) -> None:
    """Every connection is closed at the end of its life."""
    async with (
        Exchange(["BTCUSDT"], Limits(lifetime_s=0.2)) as exchange,
        session.ws_connect(f"{exchange.ws_url}/stream") as socket,
    ):
        assert WSMsgType.CLOSE is (await socket.receive(timeout=10)).type
        assert 1001 == exchange.connections[0].close_code
        assert [] == rules(exchange)


@pytest.mark.parametrize("form", ["raw", "combined"])
async def test_shutdown_is_announced(exchange: Exchange, session: ClientSession, form: str) -> None:
    """``serverShutdown`` comes as an event of its own, or of a stream of its own."""
    async with session.ws_connect(f"{exchange.ws_url}/stream") as socket:
        await exchange.until(lambda: exchange.open_connections)
        exchange.announce_shutdown("raw" if form == "raw" else "combined")
        message = await socket.receive_json(timeout=10)
        assert "serverShutdown" == (message if form == "raw" else message["data"])["e"]
        assert (form == "combined") == (message.get("stream") == "!serverShutdown")


async def test_frozen_exchange_accepts_and_says_nothing(exchange: Exchange, session: ClientSession) -> None:
    """Frozen, it takes connections and answers none; thawed, it answers."""
    exchange.freeze()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await ask(session, exchange, "ping")
    asking = asyncio.create_task(ask(session, exchange, "ping"))
    exchange.heal()
    assert 200 == (await asking)[0]


async def test_refusing_exchange_takes_no_connection(exchange: Exchange) -> None:
    """Refusing, nobody listens; accepting again, it is on the same port."""
    url = exchange.rest_url
    await exchange.refuse()
    async with ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(session, exchange, "ping")
        await exchange.accept()
        assert url == exchange.rest_url
        assert 200 == (await ask(session, exchange, "ping"))[0]


async def test_by_hand_it_names_its_addresses() -> None:
    """``python -m tests.exchange`` prints both addresses, and its prices walk."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.exchange", "--changes-per-s", "200", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        urls = dict(part.split("=", 1) for part in line.split())
        streams = f"{urls['BINANCE_WS_URL']}/ws/btcusdt@bookTicker"
        async with ClientSession() as session, session.ws_connect(streams) as socket:
            first, second = [await socket.receive_json(timeout=10) for _ in range(2)]
        assert second["u"] > first["u"]
        assert urls["BINANCE_REST_URL"].startswith("http://127.0.0.1:")
    finally:
        process.terminate()
        await process.wait()
