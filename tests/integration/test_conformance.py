"""The Autobahn cases once more, through HAProxy with ``haproxy.cfg``; and what they do not ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from deploy.launcher.programs import find_haproxy
from deploy.ports import free_port
from deploy.process.processes import Process
from tests.client_frames import FIN, TEXT, client_frame
from tests.conformance import PROTOCOL, SOME_COMPRESSION, run_suite, surprises
from tests.echo import MAX_MESSAGE_BYTES, echo_server
from tests.integration.stacks import GATEWAY_COUNT, answers, environment

pytestmark = [pytest.mark.integration, pytest.mark.haproxy]

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@asynccontextmanager
async def echo_behind_haproxy() -> AsyncIterator[int]:
    """Every gateway of the configuration is the one echo; the port where clients connect."""
    port = free_port()
    async with AsyncExitStack() as exits:
        address = await exits.enter_async_context(echo_server())
        gateways = {f"TICKGATE_GATEWAY_{number}": address for number in range(1, GATEWAY_COUNT + 1)}
        settings = {"TICKGATE_BIND": f"127.0.0.1:{port}", "TICKGATE_STATS_BIND": f"127.0.0.1:{free_port()}"}
        command = (str(find_haproxy()), "-db", "-f", "haproxy.cfg")
        process = Process("haproxy", command, env=environment(**settings, **gateways), say=lambda *_: None)
        exits.push_async_callback(process.stop, 10)
        await process.start()
        await answers(f"http://127.0.0.1:{port}/readyz", 200)
        yield port


async def test_haproxy_changes_nothing(tmp_path: Path) -> None:
    """Behind the load balancer every case has the verdict that it has without."""
    async with echo_behind_haproxy() as port:
        cases = (*PROTOCOL, *SOME_COMPRESSION)
        verdicts = await run_suite(f"ws://127.0.0.1:{port}/ws", cases, tmp_path, timeout_s=100)
    assert 247 + len(SOME_COMPRESSION) == len(verdicts)
    assert {} == surprises(verdicts)


async def test_who_still_sends_hears_why_it_was_closed() -> None:
    """The close frame reaches a client in the middle of megabytes that nobody reads, before any reset does."""
    too_much = client_frame(FIN | TEXT, bytes(5 * MAX_MESSAGE_BYTES))

    why = (1009).to_bytes(2) + b"a message has at most"

    async def told(port: int) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(HANDSHAKE + too_much)
            return (await reader.readuntil(why)).endswith(why)
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        finally:
            writer.transport.abort()

    async with echo_behind_haproxy() as port, asyncio.timeout(60):
        received = [one for _ in range(5) for one in await asyncio.gather(*(told(port) for _ in range(10)))]
    assert [True] * 50 == received
