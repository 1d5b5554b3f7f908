"""Clients of Binance's streams, over real sockets."""

import asyncio
import json
import logging
from contextlib import suppress

import pytest
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from gateway.binance.client import MESSAGES_PER_S
from market.prices.symbols import parse_symbols
from market.process.event import Event
from market.process.logs import ACCESS_LOG
from tests.gateway.binance.conftest import SYMBOLS, Scene, ask, stats, told
from tests.gateway.conftest import Start
from tests.waiting import until


async def closing(socket: ClientConnection) -> tuple[int, str]:
    """The code and reason of the close frame that comes."""
    async with asyncio.timeout(20):
        with suppress(ConnectionClosedError):
            async for _ in socket:
                pass
        await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def test_a_raw_stream_brings_each_quote_as_binance_writes_it(scene: Scene) -> None:
    """The keys are Binance's, in its order, and numbers have eight decimals; nothing comes unasked."""
    async with scene.stream("/ws/btcusdt@bookTicker") as socket:
        await scene.quote("BTCUSDT", 1)
        async with asyncio.timeout(10):
            assert (
                '{"u":7,"s":"BTCUSDT","b":"65234.56000000","B":"1.50000000","a":"65234.57000000","A":"0.00200000"}'
                == await socket.recv()
            )


async def test_a_quote_that_did_not_change_is_not_sent_again(scene: Scene) -> None:
    """A tick with another last price alone says nothing here; nor does one whose quote came by REST."""
    async with scene.stream("/ws/btcusdt@bookTicker") as socket:
        await scene.quote("BTCUSDT", 1)
        assert 7 == (await told(socket))["u"]
        await scene.quote("BTCUSDT", 2, last=6523457)
        await scene.running.publish("BTCUSDT", 3, bid=1, ask=2)
        await scene.quote("BTCUSDT", 4, update_id=8)
        assert 8 == (await told(socket))["u"]


async def test_a_newcomer_gets_the_newest_quote_at_once(scene: Scene) -> None:
    """It need not wait until a quiet market moves."""
    await scene.quote("BTCUSDT", 1)
    async with scene.stream("/ws/btcusdt@bookTicker") as socket:
        assert 7 == (await told(socket))["u"]


async def test_a_stale_quote_is_not_sent_to_a_newcomer(start: Start) -> None:
    """It would pass for a new one: the message has no time."""
    scene = Scene(await start(symbols=SYMBOLS))
    await scene.quote("BTCUSDT", 1)
    async with scene.stream("/ws/btcusdt@bookTicker") as socket:
        assert {"result": None, "id": 1} == await ask(socket, "SUBSCRIBE", ["ethusdt@bookTicker"])
        await scene.quote("BTCUSDT", 2, update_id=8)
        assert 8 == (await told(socket))["u"]


async def test_a_combined_stream_wraps_each_message_with_its_name(scene: Scene) -> None:
    """A client that knows nothing else finds out which stream a message is of."""
    async with scene.stream("/stream?streams=btcusdt@bookTicker/ethusdt%40bookTicker") as socket:
        await scene.quote("ETHUSDT", 1)
        message = await told(socket)
        assert ["stream", "data"] == list(message)
        assert ("ethusdt@bookTicker", "ETHUSDT") == (message["stream"], message["data"]["s"])


async def test_commands_are_answered_as_binance_does(scene: Scene) -> None:
    """Each answer has the id of its command, and is never wrapped."""
    async with scene.stream("/stream/0") as socket:
        assert {"result": None, "id": "a"} == await ask(socket, "SUBSCRIBE", ["btcusdt@bookTicker"], "a")
        assert {"result": ["btcusdt@bookTicker"], "id": -2} == await ask(socket, "LIST_SUBSCRIPTIONS", None, -2)
        assert {"result": True, "id": None} == await ask(socket, "GET_PROPERTY", ["combined"], None)
        assert {"result": None, "id": 3} == await ask(socket, "UNSUBSCRIBE", ["btcusdt@bookTicker"], 3)


async def test_the_property_combined_changes_the_wrapper(scene: Scene) -> None:
    """From the answer on, messages are written the other way."""
    async with scene.stream("/ws/btcusdt@bookTicker") as socket:
        await scene.quote("BTCUSDT", 1)
        assert "u" in await told(socket)
        assert {"result": None, "id": 1} == await ask(socket, "SET_PROPERTY", ["combined", True])
        await scene.quote("BTCUSDT", 2, update_id=8)
        assert "btcusdt@bookTicker" == (await told(socket))["stream"]


async def test_figures_come_in_the_streams_that_ask_for_them(scene: Scene) -> None:
    """One update of figures goes to each stream of its symbol, and with all others into one array."""
    scene.figures(stats(), stats("ETHUSDT"))
    streams = "btcusdt@miniTicker/btcusdt@ticker/!miniTicker@arr"
    async with scene.stream(f"/stream?streams={streams}") as socket:
        messages = [await told(socket) for _ in range(4)]
        kinds = [message["stream"] for message in messages]
        assert {"btcusdt@miniTicker", "btcusdt@ticker", "!miniTicker@arr"} == set(kinds)
        arrays = [one["data"] for one in messages if one["stream"] == "!miniTicker@arr"]
        assert {"BTCUSDT", "ETHUSDT"} == {entry["s"] for array in arrays for entry in array}


async def test_times_are_in_microseconds_if_a_client_wants_that(scene: Scene) -> None:
    """It says so behind a second question mark, as one library does."""
    scene.figures(stats())
    async with scene.stream("/stream?streams=btcusdt@miniTicker?timeUnit=MICROSECOND") as socket:
        assert 1_795_734_825_341_123 == (await told(socket))["data"]["E"]


async def test_a_stream_in_the_url_that_is_not_here_is_refused_by_name(scene: Scene) -> None:
    """A refused handshake is what each client survives; a message could be taken for a price."""
    with pytest.raises(InvalidStatus) as refused:
        async with scene.stream("/stream?streams=btcusdt@bookTicker/btcusdt@aggTrade"):
            pass
    assert 400 == refused.value.response.status_code
    answer = json.loads(refused.value.response.body or b"")
    assert 2 == answer["code"]
    assert "btcusdt@aggTrade" in answer["msg"]


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        (["btcusdt@depth"], "this deployment has no stream btcusdt@depth"),
        (["BTCUSDT@bookTicker"], "symbols are in lower case, btcusdt@bookTicker"),
        (["xrpusdt@bookTicker"], "it does not serve that symbol"),
        (["coinbase:btc-usd@bookTicker"], "it does not serve that symbol"),
    ],
)
async def test_a_stream_that_is_not_here_is_an_error_of_subscribe(
    scene: Scene, params: list[str], problem: str
) -> None:
    """The error is nested, as clients look for it there; the connection stays."""
    async with scene.stream("/ws") as socket:
        answer = await ask(socket, "SUBSCRIBE", params, 9)
        assert (2, 9) == (answer["error"]["code"], answer["id"])
        assert problem in answer["error"]["msg"]
        assert {"result": [], "id": 10} == await ask(socket, "LIST_SUBSCRIPTIONS", None, 10)


async def test_a_symbol_in_another_script_has_its_streams(scene: Scene) -> None:
    """Binance lists some, and clients write them percent-encoded or not."""
    await scene.quote("币安人生USDT", 1)
    async with scene.stream("/ws/%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt@bookTicker") as socket:
        assert "币安人生USDT" == (await told(socket))["s"]


async def test_more_than_five_messages_a_second_end_the_connection(scene: Scene) -> None:
    """As at Binance, pings are among them."""
    async with scene.stream("/ws") as socket:
        for number in range(MESSAGES_PER_S):
            await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        await socket.ping()
        assert (1008, "Too many requests") == await closing(socket)


async def test_pongs_are_no_messages(scene: Scene) -> None:
    """Some clients answer each ping twice, with its copy and with an empty pong."""
    async with scene.stream("/ws") as socket:
        for _ in range(3 * MESSAGES_PER_S):
            await socket.pong()
        assert {"result": [], "id": 1} == await ask(socket, "LIST_SUBSCRIPTIONS")


async def test_a_ping_is_answered_with_its_own_words(scene: Scene) -> None:
    """Clients drop a connection that does not answer theirs."""
    async with scene.stream("/ws") as socket:
        waiter = await socket.ping(b"are you there")
        async with asyncio.timeout(10):
            await waiter


async def test_a_drain_is_told_in_binances_words(start: Start) -> None:
    """Then the connection ends with 1012, as any other."""
    scene = Scene(await start(drain_seconds=0.3))
    async with scene.stream("/ws") as raw, scene.stream("/stream") as combined:
        draining = asyncio.create_task(scene.gateway.drain())
        message = await told(raw)
        assert ["e", "E"] == list(message)
        assert "serverShutdown" == message["e"]
        assert "!serverShutdown" == (await told(combined))["stream"]
        assert 1012 == (await closing(raw))[0]
        assert 1012 == (await closing(combined))[0]
        await draining


async def test_what_only_our_own_protocol_knows_is_not_said(scene: Scene) -> None:
    """Neither a greeting nor a status: some clients end at a message that they do not know."""
    async with scene.stream("/ws/btcusdt@bookTicker") as socket:
        await scene.running.heartbeat(link="down", reason="the exchange is silent")
        await until(lambda: not scene.gateway.feed.live)
        await scene.quote("BTCUSDT", 1)
        assert 7 == (await told(socket))["u"]


async def test_a_frame_that_is_no_text_is_an_error(scene: Scene) -> None:
    """Bad input gets an answer and never ends the process; too much of it ends the connection."""
    async with scene.stream("/ws") as socket:
        await socket.send(b"\x00\xff")
        assert 3 == (await told(socket))["error"]["code"]


async def test_too_many_errors_end_the_connection(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """As on any other connection, and its last line in the log is the same."""
    caplog.set_level(logging.INFO, ACCESS_LOG)
    scene = Scene(await start(symbols=SYMBOLS, max_errors_per_connection=2))
    async with scene.stream("/ws") as socket:
        for number in range(2):
            await ask(socket, "NONSENSE", command_id=number)
        assert 4429 == (await closing(socket))[0]
    await until(lambda: not len(scene.gateway.hub))
    [record] = (one for one in caplog.records if one.name == ACCESS_LOG)
    assert isinstance(record.msg, Event)
    values = record.msg.values(record.args)
    assert ("127.0.0.1", 4429, 2) == (values["address"], values["code"], values["messages"])


async def test_a_symbol_that_is_no_longer_served_ends_its_streams(scene: Scene) -> None:
    """Silence would pass for a quiet market; when the client comes back, the stream is refused by name."""
    async with scene.stream("/ws/ethusdt@bookTicker") as gone, scene.stream("/ws/btcusdt@bookTicker") as stays:
        scene.gateway.change(replace(scene.gateway.settings, symbols=parse_symbols("BTCUSDT")))
        assert 1013 == (await closing(gone))[0]
        await scene.quote("BTCUSDT", 1)
        assert "BTCUSDT" == (await told(stays))["s"]


async def test_a_client_that_hangs_up_leaves_nothing(scene: Scene) -> None:
    """Neither a connection nor a cohort."""
    async with scene.stream("/ws/btcusdt@bookTicker"):
        assert 1 == scene.gateway.hub.cohort_count
    await until(lambda: not len(scene.gateway.hub) and not scene.gateway.hub.cohort_count)
