"""The list of symbols, asked for by WebSocket."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from gateway.auth.settings import AuthSettings
from gateway.client.listing import MOST_IN_MESSAGE
from market.prices.symbols import parse_symbols
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import RunningGateway, Start
from tests.waiting import until

Decode = Callable[[Any], Any]
BOTH = pytest.mark.parametrize(
    ("protocol", "encode", "decode"),
    [
        ("tickgate.v1.json", lambda value: msgspec.json.encode(value).decode(), msgspec.json.decode),
        ("tickgate.v1.msgpack", msgspec.msgpack.encode, msgspec.msgpack.decode),
    ],
    ids=["json", "msgpack"],
)


async def listed(
    running: RunningGateway, protocol: str, encode: Decode, decode: Decode, **headers: str
) -> list[dict[str, Any]]:
    """The answers to the command, up to the last of them."""
    answers = []
    async with connect(running.url, subprotocols=[protocol], additional_headers=headers) as socket:  # type: ignore[list-item]
        await socket.send(encode({"type": "symbols", "id": "a"}))
        async for data in socket:
            message = decode(data)
            if message["type"] == "symbols":
                answers.append(message)
                if "more" not in message:
                    break
    return answers


@BOTH
async def test_each_symbol_is_listed_with_what_is_known(
    start: Start, protocol: str, encode: Decode, decode: Decode
) -> None:
    """Venue, state and alias; scales once there is a tick; a live symbol of a venue that is stale is stale."""
    running = await start(symbols=parse_symbols("BTCUSDT,BTCEUR,coinbase:BTC-USD"))
    await running.heartbeat()
    await running.publish("BTCUSDT", 1, price_scale=2, size_scale=5)
    await until(lambda: running.gateway.hub.last_tick("BTCUSDT") is not None)
    await until(lambda: running.gateway.feed.statuses[0].feed == "live")
    [answer] = await listed(running, protocol, encode, decode)
    assert answer == {
        "type": "symbols",
        "symbols": [
            {
                "symbol": "BTCUSDT",
                "venue": "binance",
                "state": "live",
                "aliases": ["BTC"],
                "price_scale": 2,
                "size_scale": 5,
            },
            {"symbol": "BTCEUR", "venue": "binance", "state": "live"},
            {"symbol": "coinbase:BTC-USD", "venue": "coinbase", "state": "stale", "aliases": ["coinbase:BTC"]},
        ],
        "id": "a",
    }


@BOTH
async def test_many_symbols_come_in_several_messages(
    start: Start, protocol: str, encode: Decode, decode: Decode
) -> None:
    """None is too large, each but the last says that there is more, and all are there, in their order."""
    symbols = parse_symbols(",".join(f"NUMBER{number}USDT" for number in range(2 * MOST_IN_MESSAGE + 1)))
    running = await start(symbols=symbols)
    answers = await listed(running, protocol, encode, decode)
    assert [MOST_IN_MESSAGE, MOST_IN_MESSAGE, 1] == [len(answer["symbols"]) for answer in answers]
    assert [True, True, None] == [answer.get("more") for answer in answers]
    assert list(symbols) == [entry["symbol"] for answer in answers for entry in answer["symbols"]]
    assert all(len(encode(answer)) < 65536 for answer in answers)


async def test_a_token_is_shown_its_own_symbols(start: Start) -> None:
    """Nothing else, and an empty list where it allows none that there is."""
    running = await start(symbols=parse_symbols("BTCUSDT,ETHUSDT"), auth=AuthSettings(mode="jwt", jwt_secret=SECRET))
    for allowed, expected in ((["eth"], ["ETHUSDT"]), (["DOGE"], [])):
        bearer = {"Authorization": f"Bearer {token('HS256', SECRET, symbols=allowed)}"}
        [answer] = await listed(
            running, "tickgate.v1.msgpack", msgspec.msgpack.encode, msgspec.msgpack.decode, **bearer
        )
        assert expected == [entry["symbol"] for entry in answer["symbols"]]
