"""The opening handshake, byte by byte over a real socket."""

import asyncio
from pathlib import Path

import pytest

from tests.gateway.conftest import RunningGateway, Start

# The key and its answer are the example of RFC 6455, section 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ANSWER = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
GOOD = {
    "Host": "x",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def recorded() -> dict[str, str]:
    """Requests as clients of other people's send them (``tests/foreign``), by client and way to compress."""
    text = Path("tests/fixtures/handshakes.txt").read_text(encoding="utf-8")
    sections = [section.partition("\n") for section in text.removeprefix("# ").split("\n# ")]
    return {name: request.strip() for name, _, request in sections}


RECORDED = recorded()

MUST_SEE = {"gorilla-deflate": {"server_no_context_takeover", "client_no_context_takeover"}}
"""Parameters without which a client fails the handshake; everybody else goes without any."""


async def ask(running: RunningGateway, headers: dict[str, str], body: bytes = b"") -> tuple[str, bytes]:
    """The head of the answer, and what follows it at once."""
    reader, writer = await asyncio.open_connection(running.host, running.port)
    lines = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode() + body)
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        rest = await reader.read(1000)
    writer.close()
    return head, rest


async def test_the_standards_own_example(start_anyhow: Start) -> None:
    """The RFC's key gets the RFC's answer, and the first frame follows."""
    head, rest = await ask(await start_anyhow(), GOOD)
    assert head.startswith("HTTP/1.1 101 ")
    assert f"sec-websocket-accept: {ANSWER.lower()}" in head.lower()
    assert "content-length" not in head.lower()
    assert b'{"type":"welcome"' in rest


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Upgrade": "h2c"}, 400),
        ({"Connection": "keep-alive"}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": "x" * 24}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
    ],
)
async def test_a_wrong_handshake_is_refused(start_anyhow: Start, change: dict[str, str], status: int) -> None:
    """Each missing or wrong part gets an HTTP error, and the version that would do is named."""
    head, _ = await ask(await start_anyhow(), GOOD | change)
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert (status == 426) == ("sec-websocket-version: 13" in head.lower())


async def test_lists_and_case_do_not_matter(start_anyhow: Start) -> None:
    """Header tokens are compared as RFC 6455 wants: lists, any case."""
    head, _ = await ask(await start_anyhow(), GOOD | {"Connection": "keep-alive, UPGRADE", "Upgrade": "WebSocket"})
    assert head.startswith("HTTP/1.1 101 ")


async def test_what_a_client_sends_at_once_is_not_lost(start_anyhow: Start) -> None:
    """A frame in the same packet as the handshake is answered."""
    payload = b'{"type":"ping","id":77}'
    masked = bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload
    running = await start_anyhow()
    _, rest = await ask(running, GOOD, masked)
    assert b'"id":77}' in rest


async def test_an_upgrade_may_follow_another_request_at_once(start_anyhow: Start) -> None:
    """If an answer is still on its way when the WebSocket begins, the order is kept and the client does not lag."""
    running = await start_anyhow(lag_timeout_s=0.2)
    reader, writer = await asyncio.open_connection(running.host, running.port)
    upgrade = "\r\n".join(["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in GOOD.items()), "", ""])
    payload = b'{"type":"subscribe","symbols":["BTC"]}'
    masked = bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade.encode() + masked)
    async with asyncio.timeout(10):
        assert b"alive" in await reader.readuntil(b"}")
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"subscribed")
        for seq in range(1, 6):
            await running.publish("BTCUSDT", seq)
            await reader.readuntil(f'"seq":{seq},'.encode())
            await asyncio.sleep(0.1)
    assert (0, 0) == (running.gateway.counters.lags, running.gateway.counters.aborted)
    writer.close()


async def test_a_request_leaves_nothing_of_aiohttp_behind(start_anyhow: Start) -> None:
    """After the handshake aiohttp holds no connection, and there is no task for the client."""
    running = await start_anyhow()
    tasks = len(asyncio.all_tasks())
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write("\r\n".join(["GET /ws HTTP/1.1", *(f"{k}: {v}" for k, v in GOOD.items()), "", ""]).encode())
    await reader.readuntil(b"welcome")
    assert [] == running.requests
    assert tasks == len(asyncio.all_tasks())
    writer.close()


@pytest.mark.parametrize("client", RECORDED)
async def test_every_client_is_answered_as_it_must_be(start_anyhow: Start, client: str) -> None:
    """The answer has everything of the offer that a client needs, and nothing else."""
    running = await start_anyhow()
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(RECORDED[client].replace("\n", "\r\n").encode() + b"\r\n\r\n")
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert b"welcome" in await reader.read(1000)
    writer.close()
    assert head.startswith("HTTP/1.1 101 ")
    offer, answer = [extensions(text) for text in (RECORDED[client], head)]
    if client.endswith("-plain"):
        assert [] == answer
        return
    name, *parameters = answer
    assert "permessage-deflate" == name
    # Netty, Node's ws, coder and python-websockets fail over what they did not offer, gorilla over what is missing.
    assert set(parameters) <= set(offer)
    assert MUST_SEE.get(client, set()) <= set(parameters)


def extensions(head: str) -> list[str]:
    """The first extension in a head, with its parameters."""
    for line in head.splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "sec-websocket-extensions":
            return [part.strip() for part in value.split(",")[0].split(";")]
    return []


async def test_compression_is_agreed_on_by_who_lists_it_in_a_line_of_its_own(start_anyhow: Start) -> None:
    """A header of several lines is one list (RFC 9110, section 5.3)."""
    running = await start_anyhow()
    reader, writer = await asyncio.open_connection(running.host, running.port)
    lines = [f"{name}: {value}" for name, value in GOOD.items()]
    lines += ["Sec-WebSocket-Extensions: foo; bar", "Sec-WebSocket-Extensions: permessage-deflate"]
    writer.write("\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode())
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    assert ["permessage-deflate"] == extensions(head)
