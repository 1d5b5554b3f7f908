"""Many clients of one address send at once, all they may: prices are written between their messages, not behind them.

The gateway is stopped while they send, so that all of it is there when it goes on: in one turn of its event loop.
"""

import asyncio
import re
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from deploy.launcher.stack import Stack
from tests.client_frames import CLOSE, FIN, TEXT, client_frame, close_payload
from tests.integration.test_costly_messages import HANDSHAKE
from tests.integration.test_siege import ATTACKER, gateway_alone, gateway_behind_haproxy

pytestmark = pytest.mark.integration

CLIENTS, MESSAGES = 30, 100
HOLD = b'{"type":"subscribe","symbols":["*"],"batch":true,"snapshot":false}'
AGAIN = b'{"type":"subscribe","symbols":["BTC"],"batch":true,"snapshot":false,"id":%d}'
ANSWERS = re.compile(rb'"type":"ticks"|"type":"subscribed","symbols":\["BTCUSDT"\],"id":(\d+)|\x88\x02(..)', re.DOTALL)


class Sender:
    """One of the many, and all that it was sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.received = bytearray()
        self.reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            self.received += data

    def what(self) -> list[str]:
        """What came, in order: ``ticks``, ids of answers, and the code of a close frame."""
        return [
            "ticks"
            if match[0].endswith(b'"ticks"')
            else match[1].decode()
            if match[1]
            else str(int.from_bytes(match[2]))
            for match in ANSWERS.finditer(bytes(self.received))
        ]


async def opened(host: str, port: int) -> Sender:
    """A client that is sent ticks."""
    sender = Sender(*await asyncio.open_connection(host, port, local_addr=(ATTACKER, 0)))
    sender.writer.write(HANDSHAKE + client_frame(FIN | TEXT, HOLD))
    async with asyncio.timeout(30):
        while b'"type":"ticks"' not in sender.received:  # noqa: ASYNC110 - looked at, not told of
            await asyncio.sleep(0.01)
    return sender


@pytest.mark.parametrize(
    "start",
    [gateway_alone, pytest.param(gateway_behind_haproxy, marks=pytest.mark.haproxy)],
    ids=["alone", "behind-haproxy"],
)
async def test_prices_go_between_the_messages_of_a_crowd(
    start: Callable[[], AbstractAsyncContextManager[Stack]],
) -> None:
    """Each message and close frame is answered once and in order; most senders have prices between their answers."""
    async with start() as stack:
        front, gateway = stack.plan.front, stack[stack.plan.gateways[0].name]
        senders = [await opened(front.host, front.port) for _ in range(CLIENTS)]
        stream = b"".join(client_frame(FIN | TEXT, AGAIN % number) for number in range(MESSAGES))
        gateway.send_all(signal.SIGSTOP)
        try:
            for sender in senders:
                sender.writer.write(stream + client_frame(FIN | CLOSE, close_payload(1000)))
            await asyncio.gather(*(sender.writer.drain() for sender in senders))
        finally:
            gateway.send_all(signal.SIGCONT)
        async with asyncio.timeout(30):
            await asyncio.gather(*(sender.reading for sender in senders))
        between = 0
        for sender in senders:
            sender.writer.close()
            what = sender.what()
            assert [*map(str, range(MESSAGES)), "1000"] == [one for one in what if one != "ticks"]
            between += "ticks" in what[what.index("0") :]
        assert between >= CLIENTS // 2
