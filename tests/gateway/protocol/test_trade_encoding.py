"""Last price and volume as JSON numbers."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.protocol.forms import FramedTick
from gateway.protocol.messages import (
    Error,
    Lag,
    Message,
    Pong,
    Shutdown,
    Status,
    Subscribed,
    SymbolStatus,
    Unsubscribed,
    Welcome,
)
from gateway.protocol.trade_encoding import TRADE, plain_number
from tests.fakes import frames_of, tick
from tests.gateway.conftest import Start
from tests.gateway.http.test_routes import JWT, bearing
from tests.waiting import until


def said(stream: bytes) -> list[str]:
    """The text of each frame."""
    return [bytes(one.data).decode() for one in frames_of(stream)]


def framed(**fields: Any) -> FramedTick:
    """A tick of which these fields are given."""
    return FramedTick("BTCUSDT", 1, tick(**fields))


def test_a_tick_is_symbol_price_and_volume() -> None:
    """In each form, and nothing else is in it."""
    one = framed(last=6252015, volume=5200)
    expected = '{"symbol":"BTCUSDT","price":62520.15,"volume":5.2}'
    single = TRADE.joiner(batch=False)([TRADE.form(batch=False)(one)])
    batch = TRADE.joiner(batch=True)([TRADE.form(batch=True)(one)] * 2)
    assert [expected, f"[{expected},{expected}]", expected] == said(single + batch + TRADE.snapshot_frames([one]))


def test_without_a_trade_there_is_nothing_to_say() -> None:
    """No frame at all, not even an empty one; a volume that is not known is absent."""
    quote = framed()
    for deflate in (False, True):
        assert b"" == TRADE.joiner(batch=True, deflate=deflate)([TRADE.form(batch=True)(quote)])
    assert b"" == TRADE.joiner(batch=False)([TRADE.form(batch=False)(quote)]) + TRADE.snapshot_frames([quote])
    assert ['{"symbol":"BTCUSDT","price":0.07}'] == said(TRADE.snapshot_frames([framed(last=7)]))


@given(st.integers(0, 2**53 - 1), st.integers(0, 15))
def test_a_number_has_exactly_the_digits_of_the_integer(value: int, scale: int) -> None:
    """As any reader of JSON sees who does not make a float of it."""
    text = plain_number(value, scale)
    assert Decimal(value).scaleb(-scale) == json.loads(text, parse_float=Decimal, parse_int=Decimal)
    assert "." not in text or text[-1] not in "0."


@pytest.mark.parametrize(
    ("message", "is_said"),
    [
        (Welcome(client="x", heartbeat_s=20), False),
        (Status(feed="live", reason="", source="", since_us=0), False),
        (SymbolStatus(symbol="BTCUSDT", state="stale", reason="", since_us=0), False),
        (Subscribed(symbols=["BTCUSDT"]), False),
        (Subscribed(symbols=["BTCUSDT"], id=1), True),
        (Unsubscribed(symbols=[]), False),
        (Unsubscribed(symbols=[], id=1), True),
        (Lag(conflated=1), False),
        (Shutdown(reconnect_after_ms=1), False),
        (Pong(), True),
        (Error(code="bad_json", message="", id=UNSET), True),
    ],
    ids=str,
)
def test_it_is_sent_only_what_it_asked_for(message: Message, is_said: bool) -> None:
    """A client that knows one message would stumble over a notice."""
    assert is_said == bool(TRADE.message_frame(message))


async def test_the_plainest_client_runs_as_it_is(start: Start) -> None:
    """It connects, subscribes, and reads nothing but prices; compressed or not, a token may come in the URL."""
    running = await start(auth=JWT, auth_query_token=True)
    await running.heartbeat()
    await running.publish("BTCUSDT", 1, last=6252014, volume=5200)
    await until(lambda: running.gateway.feed.live)
    url = f"ws://{running.host}:{running.port}/ws/trade?token={bearing()['Authorization'].removeprefix('Bearer ')}"
    async with connect(url) as client:
        await client.send('{"type":"subscribe","symbols":["BTCUSDT"]}')
        assert '{"symbol":"BTCUSDT","price":62520.14,"volume":5.2}' == await client.recv()
        await running.publish("BTCUSDT", 2)
        for seq in (3, 4, 5):
            await running.publish("BTCUSDT", seq, last=6252015, volume=5200)
            await asyncio.sleep(0)
        assert '{"symbol":"BTCUSDT","price":62520.15,"volume":5.2}' == await client.recv()
        # Nothing came of the two that say the same.
        await running.publish("BTCUSDT", 6, last=6252016, volume=5200)
        assert '{"symbol":"BTCUSDT","price":62520.16,"volume":5.2}' == await client.recv()


async def test_a_price_comes_when_it_has_changed_or_is_not_known_yet(start: Start) -> None:
    """What the snapshot said is not sent again; who got none, as the price was old, has it as soon as it is current."""
    running = await start()
    url = f"ws://{running.host}:{running.port}/ws/trade"
    await running.publish("BTCUSDT", 1, last=6252014)
    async with connect(url) as early, connect(url) as late:
        await early.send('{"type":"subscribe","symbols":["BTCUSDT"],"id":1}')
        assert "subscribed" in str(await early.recv())
        await running.heartbeat()
        await until(lambda: running.gateway.feed.live)
        await late.send('{"type":"subscribe","symbols":["BTCUSDT"]}')
        assert '"price":62520.14' in str(await late.recv())
        await running.publish("BTCUSDT", 2, last=6252014)
        assert '"price":62520.14' in str(await early.recv())
    await until(lambda: len(running.gateway.hub) == 0)
    async with connect(url) as alone:
        await alone.send('{"type":"subscribe","symbols":["BTCUSDT"]}')
        assert '"price":62520.14' in str(await alone.recv())
        await running.publish("BTCUSDT", 3, last=6252014)
        await running.publish("BTCUSDT", 4, last=6252015)
        assert '"price":62520.15' in str(await alone.recv())


async def test_stale_prices_are_not_sent_and_end_it(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows no word for them: an old price would pass for a new one, and silence for a quiet market."""
    monkeypatch.setattr("gateway.fanout.stale_holders.LOOK_S", 0.05)
    monkeypatch.setattr("gateway.fanout.stale_holders.STALE_S", 0.3)
    running = await start()
    await running.publish("BTCUSDT", 1, last=6252014)
    url = f"ws://{running.host}:{running.port}/ws/trade"
    async with connect(url) as client:
        await client.send('{"type":"subscribe","symbols":["BTCUSDT"],"id":1}')
        assert "subscribed" in str(await client.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert 1013 == closed.value.rcvd.code
    await until(lambda: len(running.gateway.hub) == 0)
    assert {} == running.gateway.stale_holders._since
