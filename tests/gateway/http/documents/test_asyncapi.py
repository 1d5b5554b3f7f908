"""AsyncAPI: the document is valid, and a gateway takes and sends what it says."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from websockets.asyncio.client import connect

from gateway.http.documents.asyncapi import asyncapi
from gateway.protocol import messages
from gateway.protocol.encodings import AT
from market.prices.symbols import parse_symbols
from tests.gateway.auth.tokens import SECRET, token
from tests.gateway.conftest import RunningGateway, Start
from tests.gateway.http.documents.validating import problems, shape
from tests.gateway.http.test_routes import JWT
from tests.waiting import until

CHECK = Path(__file__).parents[3] / "asyncapi"
DOCUMENT = asyncapi()
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]

_TICK: dict[str, Any] = {"bid_size": 1736, "ask_size": 7105, "last": 6503218, "volume": 76977333, "size_scale": 5}


def test_it_is_valid() -> None:
    """As AsyncAPI's own parser has it, examples too."""
    if shutil.which("node") is None or not (CHECK / "node_modules" / ".ready").exists():
        if os.environ.get("CI") == "true":
            pytest.fail("Node, or what `make npm` installs, is missing")
        pytest.skip("Node, or what `make npm` installs, is missing")
    check = subprocess.run(
        ["node", "check.js"], cwd=CHECK, input=json.dumps(DOCUMENT), capture_output=True, text=True, check=False
    )
    assert (0, "") == (check.returncode, check.stdout)


def test_it_has_every_message_and_no_other() -> None:
    """Commands, messages, ticks in each form; and a channel for each path."""
    kinds = {*get_args(messages.AnyCommand), *messages.Message.__subclasses__()}
    ticks = {"TickMessage", "Snapshot", "Ticks", "DecimalTickMessage", "DecimalSnapshot", "Trade"}
    ticks |= {"StatsMessage", "StatsBatch"}
    assert {kind.__name__ for kind in kinds} | ticks == set(MESSAGES)
    assert {"/ws", *AT} == {channel["address"] for channel in DOCUMENT["channels"].values()}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_example_fits_its_schema(name: str) -> None:
    """And every message has one."""
    examples = MESSAGES[name]["examples"]
    assert examples
    for example in examples:
        assert [] == problems(DOCUMENT, MESSAGES[name]["payload"], example["payload"])


def name_of(message: dict[str, Any]) -> str:
    """The one kind of message that this is."""
    if "type" not in message:
        return "Trade"
    fitting = [
        name
        for name, one in MESSAGES.items()
        if _tag(one) == message["type"] and not problems(DOCUMENT, one["payload"], message)
    ]
    (name,) = fitting
    return name


def _tag(message: dict[str, Any]) -> str:
    schema = DOCUMENT["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]
    return str(schema.get("properties", {}).get("type", {}).get("enum", [""])[0])


async def ready(start: Start, **settings: Any) -> RunningGateway:
    """A gateway with what the examples name."""
    running = await start(symbols=parse_symbols("BTCUSDT,ETHUSDT"), auth=JWT, **settings)
    await running.heartbeat(source="binance-ws")
    await until(lambda: running.gateway.feed.live)
    return running


def bearer() -> str:
    """A good token."""
    return token("HS256", SECRET, sub="demo", exp=time.time() + 3600)


@pytest.mark.parametrize("path", ["ws", "ws/trade"])
async def test_every_command_is_taken(start: Start, path: str) -> None:
    """On each channel; what comes back is a message of the document, in the form of its example."""
    running = await ready(start, drain_seconds=0.1)
    seq = 1795734825341
    now_us = time.time_ns() // 1000
    url = f"ws://{running.host}:{running.port}/{path}"
    commands = [one["payload"] for name in MESSAGES for one in MESSAGES[name]["examples"] if _is_command(name)]
    async with connect(url, additional_headers={"Authorization": f"Bearer {bearer()}"}) as client:
        seen: dict[str, dict[str, Any]] = {}

        async def hear(is_last: Callable[[dict[str, Any]], object]) -> None:
            last = False
            while not last:
                said = json.loads(await client.recv())
                for message in said if isinstance(said, list) else [said]:
                    seen[name_of(message)] = message
                    last = last or bool(is_last(message))

        for command in commands:
            if path == "ws/trade" and "channel" in command:
                # There is one only.
                continue
            sent = command | ({"token": bearer()} if command["type"] == "auth" else {})
            await client.send(json.dumps(sent))
            await hear(lambda message, its=command["id"]: message.get("id") == its)  # type: ignore[misc]
            assert "Error" not in seen, seen["Error"]
            if command["type"] == "subscribe":
                seq += 5
                await running.publish("BTCUSDT", seq, **_TICK, recv_us=now_us, event_us=now_us)
                await hear(lambda message: "symbol" in message or "ticks" in message)
        await client.send(json.dumps({"type": "subscribe", "symbols": ["XBTUSD"], "id": 9}))
        await hear(lambda message: message.get("id") == 9)
        if path == "ws":
            await running.gateway.drain()
            await hear(lambda message: message["type"] == "shutdown")
    expected = {"Error", "Pong", "Subscribed", "Subscriptions", "ServedSymbols", "Unsubscribed", "Authenticated"}
    ticks = {"TickMessage", "Snapshot", "Ticks", "Welcome", "Status", "Shutdown"} if path == "ws" else {"Trade"}
    assert expected | ticks <= set(seen)
    for name in expected | ticks:
        assert any(_alike(shape(example["payload"]), shape(seen[name])) for example in MESSAGES[name]["examples"]), name


def _is_command(name: str) -> bool:
    return {"$ref": f"#/channels/prices/messages/{name}"} in DOCUMENT["operations"]["command"]["messages"]


def _alike(told: Any, came: Any) -> bool:
    """Whether one has the fields of the other; numbers may be whole or not, and lists of any length."""
    if isinstance(told, dict) and isinstance(came, dict):
        return told.keys() == came.keys() and all(_alike(told[name], came[name]) for name in told)
    if isinstance(told, list) and isinstance(came, list):
        return all(_alike(told[0], one) or _alike(told[-1], one) for one in came) if told else not came
    return told == came or {told, came} == {"int", "float"}
