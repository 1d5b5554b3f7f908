"""Seven clients of other people's, with compression and without: they connect, are understood, and read right prices.

They are built with downloads from their languages' registries, so they run only where they are asked for.
"""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.websocket.framing.inflate import Inflater
from market.prices.symbols import parse_symbols
from tests.browser import open_page, running_browser
from tests.fakes import tick
from tests.foreign.clients import CLIENTS, Client, environment
from tests.gateway.conftest import RunningGateway, Start, start  # noqa: F401 # a fixture
from tests.market.bus.using import publish

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not os.environ.get("FOREIGN"), reason="builds clients with downloads; make foreign"),
]

PINGS = [json.dumps({"type": "ping", "id": f"the same words again and again {number}"}) for number in range(3)]
SUBSCRIBE = json.dumps({"type": "subscribe", "symbols": ["*"], "batch": True, "conflate": False, "id": None})

_BUILT: dict[str, tuple[str, ...]] = {}

PAGE = """
new Promise((done, fail) => {
  const heard = [];
  const socket = new WebSocket(URL_OF_GATEWAY);
  socket.onopen = () => MESSAGES.forEach((message) => socket.send(message));
  socket.onmessage = (event) => {
    heard.push(event.data);
    if (heard.filter((message) => JSON.parse(message).type === "ticks").length === 3) {
      done([JSON.stringify({ extensions: socket.extensions }), ...heard]);
      socket.close(1000);
    }
  };
  socket.onclose = () => fail(new Error(heard.join()));
})
"""


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every message that came compressed."""
    messages: list[bytes] = []
    inflate: Callable[[Inflater, bytes, int], bytes | None] = Inflater.inflate

    def recording(self: Inflater, payload: bytes, limit: int) -> bytes | None:
        message = inflate(self, payload, limit)
        messages.append(message or b"wrong")
        return message

    monkeypatch.setattr(Inflater, "inflate", recording)
    return messages


async def publish_until(running: RunningGateway, reading: asyncio.Task[Any]) -> None:
    """Three rounds of every symbol, as soon as the client is there."""
    async with asyncio.timeout(60):
        # Another program subscribes, and tells nobody.
        while not running.gateway.hub.cohort_count and not reading.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    for seq in (1, 2, 3):
        await publish(running.gateway.bus, [tick(name, seq) for name in running.gateway.settings.symbols.names])
        await asyncio.sleep(0)


def check(lines: list[str], names: tuple[str, ...]) -> str:
    """See that each message was the right one, and return what was negotiated."""
    first, *messages = map(json.loads, lines)
    kinds = ["welcome", "status", "pong", "pong", "pong", "subscribed", "ticks", "ticks", "ticks"]
    assert kinds == [message["type"] for message in messages]
    assert [json.loads(ping)["id"] for ping in PINGS] == [message["id"] for message in messages[2:5]]
    for seq, message in enumerate(messages[6:], start=1):
        expected = [(name, seq, 10 * seq) for name in names]
        assert expected == [(one["symbol"], one["seq"], one["bid"]) for one in message["ticks"]]
    extensions: str = first["extensions"]
    return extensions


async def run(command: tuple[str, ...], *arguments: str) -> list[str]:
    """What the client printed.

    Raises:
        AssertionError: it did not end well.
    """
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            output, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert 0 == process.returncode, complaints.decode() + output.decode()
    return output.decode().splitlines()


def built(client: Client, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Build a client once for all tests; skip where this machine lacks what it needs."""
    if client.name not in _BUILT:
        if missing := client.missing():
            pytest.skip(f"{client.name} needs {missing}, which this machine has not")
        _BUILT[client.name] = client.build(Path(tmp_path_factory.mktemp(client.name)))
    return _BUILT[client.name]


@pytest.mark.parametrize("symbols", ["BTCUSDT,ETHUSDT", "@deploy/symbols-100.txt"], ids=["few", "many"])
@pytest.mark.parametrize(
    ("client", "way"),
    [pytest.param(client, way, id=f"{client.name}-{way}") for client in CLIENTS for way in client.ways],
)
async def test_a_foreign_client_is_understood_and_reads_right_prices(
    start: Start,  # noqa: F811 # a fixture
    inflated: list[bytes],
    client: Client,
    way: str,
    symbols: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Pings and a subscribe, compressed where that was negotiated, get their answers and every price as it was sent."""
    command = built(client, tmp_path_factory)
    running = await start(symbols=parse_symbols(symbols))
    reading = asyncio.create_task(run(command, running.url, way, *PINGS, SUBSCRIBE))
    await publish_until(running, reading)
    extensions = check(await reading, running.gateway.settings.symbols.names)
    assert (way != "plain") == extensions.startswith("permessage-deflate")
    assert ([] if way == "plain" else [message.encode() for message in (*PINGS, SUBSCRIBE)]) == inflated


@pytest.mark.parametrize("compression", [True, False], ids=["deflate", "plain"])
async def test_a_browser_is_understood_and_reads_right_prices(
    start: Start,  # noqa: F811 # a fixture
    inflated: list[bytes],
    compression: bool,
) -> None:
    """Chromium does the same; it always offers compression, so without it is the gateway that declines."""
    running = await start(
        symbols=parse_symbols("@deploy/symbols-100.txt"), ws_compression="on" if compression else "off"
    )
    with running_browser() as browser:
        async with open_page(browser) as page:
            await page.open(running.http_url + "healthz")
            script = PAGE.replace("URL_OF_GATEWAY", json.dumps(running.url))
            script = script.replace("MESSAGES", json.dumps([*PINGS, SUBSCRIBE]))
            reading = asyncio.create_task(page.evaluate(script))
            await publish_until(running, reading)
            extensions = check(await reading, running.gateway.settings.symbols.names)
    assert compression == extensions.startswith("permessage-deflate")
    assert ([message.encode() for message in (*PINGS, SUBSCRIBE)] if compression else []) == inflated
