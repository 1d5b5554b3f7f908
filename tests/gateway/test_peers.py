"""The gateway as programs read it that share no code with it: Node's ``ws``, a browser, Python's ``msgpack``."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgpack
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from market.prices.symbols import parse_symbols
from tests.browser import open_page, running_browser
from tests.fakes import tick
from tests.gateway.conftest import RunningGateway, Start
from tests.market.bus.using import publish

pytestmark = pytest.mark.integration

NODE_MODULES = "/usr/share/nodejs"
"""Where Debian's package node-ws puts its module."""
HAS_NODE_WS = shutil.which("node") is not None and Path(NODE_MODULES, "ws").is_dir()

NODE_CLIENT = """
const WebSocket = require("ws");
const socket = new WebSocket(process.argv[1]);
socket.on("open", () => {
  console.error(socket.extensions);
  socket.send(JSON.stringify({ type: "subscribe", symbols: ["*"], batch: true, conflate: false }));
});
let batches = 0;
socket.on("message", (data) => {
  console.log(data.toString());
  if (JSON.parse(data).type === "ticks" && ++batches === 3) socket.close();
});
"""

PAGE_CLIENT = """
new Promise((done) => {
  const heard = [];
  const socket = new WebSocket(URL_OF_GATEWAY);
  const wanted = { type: "subscribe", symbols: ["*"], batch: true, conflate: false };
  socket.onopen = () => socket.send(JSON.stringify(wanted));
  socket.onmessage = (event) => {
    heard.push(JSON.parse(event.data));
    if (heard.filter((message) => message.type === "ticks").length === 3) {
      done({ heard, extensions: socket.extensions });
      socket.close();
    }
  };
})
"""


async def publish_until(running: RunningGateway, reading: asyncio.Task[Any]) -> None:
    """Three rounds of every symbol, as soon as the reader is there."""
    names = running.gateway.settings.symbols.names
    async with asyncio.timeout(30):
        # Another program subscribes, and tells nobody.
        while not running.gateway.hub.cohort_count and not reading.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    for seq in (1, 2, 3):
        await publish(running.gateway.bus, [tick(name, seq) for name in names])
        await asyncio.sleep(0)


def check(messages: list[dict[str, Any]], names: tuple[str, ...]) -> None:
    """Expect the greeting, then three batches with every symbol, in order."""
    assert ["welcome", "status", "subscribed", "ticks", "ticks", "ticks"] == [one["type"] for one in messages]
    for seq, message in enumerate(messages[3:], start=1):
        assert [(name, seq, 10 * seq) for name in names] == [
            (one["symbol"], one["seq"], one["bid"]) for one in message["ticks"]
        ]


async def test_node_reads_compressed_batches(start: Start) -> None:
    """The ``ws`` package of Node negotiates compression and reads every batch."""
    if not HAS_NODE_WS:
        reason = "no Node with the module ws on this machine (Debian: apt-get install node-ws)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    running = await start(symbols=parse_symbols("@deploy/symbols-100.txt"))
    node = await asyncio.create_subprocess_exec(
        "node",
        "-e",
        NODE_CLIENT,
        running.url,
        env={**os.environ, "NODE_PATH": NODE_MODULES},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    reading = asyncio.create_task(node.communicate())
    try:
        await publish_until(running, reading)
        async with asyncio.timeout(30):
            output, complaints = await reading
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()
    assert "permessage-deflate" in complaints.decode()
    check([json.loads(line) for line in output.splitlines()], running.gateway.settings.symbols.names)


async def test_a_browser_reads_compressed_batches(start: Start) -> None:
    """Chromium negotiates compression and reads every batch."""
    running = await start(symbols=parse_symbols("@deploy/symbols-100.txt"))
    with running_browser() as browser:
        async with open_page(browser) as page:
            await page.open(running.http_url + "healthz")
            script = PAGE_CLIENT.replace("URL_OF_GATEWAY", json.dumps(running.url))
            reading = asyncio.create_task(page.evaluate(script))
            await publish_until(running, reading)
            result = await reading
    assert "permessage-deflate" in result["extensions"]
    check(result["heard"], running.gateway.settings.symbols.names)


async def test_messagepack_is_spoken_with_another_library(start: Start) -> None:
    """Commands that `msgpack` packed are understood, and it unpacks every answer and compressed batch."""
    running = await start(symbols=parse_symbols("@deploy/symbols-100.txt"))
    names = running.gateway.settings.symbols.names
    await running.publish(names[0], 7, bid=2**53 - 1)
    async with asyncio.timeout(30), connect(running.url, subprotocols=[Subprotocol("tickgate.v1.msgpack")]) as client:
        await client.send(msgpack.packb({"type": "subscribe", "symbols": ["*"], "batch": True, "id": "é"}))
        welcome, status, subscribed, snapshot = [await unpacked(client) for _ in range(4)]
        assert ["welcome", "status", "snapshot"] == [one["type"] for one in (welcome, status, snapshot)]
        assert {"type": "subscribed", "symbols": list(names), "id": "é"} == subscribed
        assert (names[0], 7, 2**53 - 1) == (snapshot["symbol"], snapshot["seq"], snapshot["bid"])
        await publish(running.gateway.bus, [tick(name, 8) for name in names])
        batch = await unpacked(client)
        assert client.response is not None
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
        assert [(name, 8, 80) for name in names] == [(one["symbol"], one["seq"], one["bid"]) for one in batch["ticks"]]
        await client.send(msgpack.packb({"type": "ping", "id": -5}))
        pong = await unpacked(client)
        assert {"type": "pong", "server_us": pong["server_us"], "id": -5} == pong
        await client.send(b"\xc1")
        assert "bad_json" == (await unpacked(client))["code"]


async def unpacked(client: ClientConnection) -> dict[str, Any]:
    """Receive one message, and unpack it with `msgpack`."""
    message = await client.recv(decode=False)
    unpacked: dict[str, Any] = msgpack.unpackb(message)
    return unpacked
