"""The handshakes of other people's clients, as they were recorded, through HAProxy."""

import asyncio

import pytest

from tests.gateway.websocket.test_handshake import MUST_SEE, RECORDED, extensions
from tests.integration.test_siege import gateway_behind_haproxy

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]


async def test_every_client_is_answered_as_it_must_be_behind_haproxy() -> None:
    """What was offered comes back and nothing else, whatever HAProxy makes of the headers."""
    async with gateway_behind_haproxy() as stack:
        address = stack.plan.front
        for client, request in RECORDED.items():
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(request.replace("\n", "\r\n").encode() + b"\r\n\r\n")
            async with asyncio.timeout(30):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                assert b"welcome" in await reader.read(1000)
            writer.close()
            assert head.startswith("HTTP/1.1 101 "), client
            answer = extensions(head)
            assert client.endswith("-plain") == (answer == []), client
            assert set(answer) <= set(extensions(request)), client
            assert MUST_SEE.get(client, set()) <= set(answer), client
