"""Clients that arrive at an even rate, each for one price of one symbol, and the outcome of each."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.clients.wire import CLOSE, WireError, client_frame, command, frame_bounds, upgrade_end, upgrade_request
from deploy.ports import Address

SERVED = "served"
_PRICES = (b'{"type":"tick', b'{"type":"snapshot')
_HANGS_S = 20.0


class Newcomers:
    """The outcomes of all newcomers."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        """`SERVED`, or what went wrong."""
        self.slowest_s = 0.0
        """Seconds from the start of the connect to the price."""

    @property
    def failed(self) -> dict[str, int]:
        """The errors, and how often each occurred."""
        return {outcome: count for outcome, count in self.outcomes.items() if outcome != SERVED}

    async def come(self, address: Address) -> None:
        """Connect, subscribe, receive a price and leave."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(_HANGS_S):
                await _visit(address)
        except TimeoutError:
            outcome = "hung"
        except (OSError, EOFError, WireError) as error:
            outcome = f"{type(error).__name__}: {error}"
        else:
            outcome = SERVED
            self.slowest_s = max(self.slowest_s, clock() - began)
        self.outcomes[outcome] += 1


async def _visit(address: Address) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(upgrade_request(address.host, address.port))
        upgrade_end(await reader.readuntil(b"\r\n\r\n"))
        writer.write(command(type="subscribe", symbols=["BTCUSDT"]))
        data = b""
        while True:
            data += await reader.read(65536) or _ended()
            at = 0
            while (bounds := frame_bounds(data, at)) is not None and bounds[2] <= len(data):
                opcode, start, at = bounds
                payload = data[start:at]
                if opcode == CLOSE:
                    raise WireError(f"closed with {int.from_bytes(payload[:2])} before a price")
                if payload.startswith(_PRICES):
                    writer.write(client_frame(CLOSE, (1000).to_bytes(2)))
                    # The gateway answers, then closes.
                    await reader.read(-1)
                    return
            data = data[at:]
    finally:
        writer.close()


def _ended() -> bytes:
    raise EOFError("the connection ended before a price")


@asynccontextmanager
async def coming(address: Address, per_s: float) -> AsyncIterator[Newcomers]:
    """This many a second during a ``with`` block, each on its own. All are done at its end."""
    newcomers = Newcomers()
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def send() -> None:
        due = loop.time()
        while True:
            tasks.add(task := loop.create_task(newcomers.come(address)))
            task.add_done_callback(tasks.discard)
            # A late one does not delay those after it.
            due += 1 / per_s
            await asyncio.sleep(due - loop.time())

    sending = loop.create_task(send())
    try:
        yield newcomers
    finally:
        sending.cancel()
        await asyncio.wait((sending, *tasks))
