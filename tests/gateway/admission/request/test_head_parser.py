"""Which heads ask for a WebSocket."""

import asyncio

from gateway.admission.request.head_parser import HeadParser

REST = b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


async def test_a_head_asks_for_a_websocket_by_its_path_and_two_fields() -> None:
    """A head asks for a WebSocket by its path and two fields; without all of them it is no upgrade."""
    parser = HeadParser("/ws")
    message = parser.for_upgrade(b"GET /ws?ticket=a HTTP/1.1\r\n" + REST)
    assert message is not None
    assert "a" == message.url.query["ticket"]
    for head in (
        b"GET /wss HTTP/1.1\r\n" + REST,
        b"POST /ws HTTP/1.1\r\n" + REST,
        b"GET /ws HTTP/1.1\r\n" + REST.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        b"GET /ws HTTP/1.1\r\n" + REST.replace(b"Connection: Upgrade\r\n", b""),
        b"GET /ws\0 HTTP/1.1\r\n" + REST,
    ):
        assert parser.for_upgrade(head) is None, head
    await asyncio.sleep(0)
