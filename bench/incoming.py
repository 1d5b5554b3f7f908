"""What the ticks that come in cost, step by step: a program that only reads the bus, up to the gateway.

    python -m bench.incoming

Nobody wants any of them. Each row is a process of its own on the server's core that gets the same messages: most of a
gateway's cost is that it is woken up for each, and no code of ours can be quicker than the first row.
"""

import argparse
import asyncio
import sys
import time
from typing import Final, cast

import hiredis
import uvloop

from bench.feed.ticks import SYMBOLS
from bench.host import machine
from bench.host.processes import Process, python
from bench.measuring.ground import prepared
from bench.measuring.measure import Bench
from bench.servers.contenders import ALL
from bench.servers.server import Server
from gateway.protocol.forms import FramedTick
from market.bus import in_partition
from market.bus.redis.connection.commands import command
from market.wire.tick_batch import read_batch
from market.wire.topics import batch_topic

STEPS: Final = {
    "reads": "is woken up, and reads",
    "parses": "parses the protocol",
    "decodes": "decodes the ticks",
    "keeps": "keeps the newest of each symbol",
}
"""Each does what is above it, too."""
GATEWAY: Final = "gateway"
Pace = tuple[int, int]
"""Messages a second, and ticks in each."""
PACES: Final[tuple[Pace, ...]] = ((1_000, 10), (1_000, 1), (200, 50), (100, 100))
SETTLES_S: Final = 1.0


class Reader(asyncio.Protocol):
    """A subscriber to the batches, written straight on the event loop."""

    def __init__(self, step: str) -> None:
        self._depth = list(STEPS).index(step)
        self._reader = hiredis.Reader()
        self._last: dict[str, FramedTick] = {}
        self.subscribed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Subscribe."""
        cast("asyncio.Transport", transport).write(
            command(b"SUBSCRIBE", in_partition(batch_topic("binance"), 0).encode())
        )

    def data_received(self, data: bytes) -> None:
        """Do as much as the step says."""
        self.subscribed.set()
        if self._depth == 0:
            return
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if self._depth == 1 or reply[0] != b"message":
                continue
            batch = read_batch(reply[2])
            if self._depth == 2:
                continue
            for tick in batch.ticks:
                held = self._last.get(tick.symbol)
                if held is None or held.seq < tick.seq:
                    self._last[tick.symbol] = FramedTick(tick.symbol, tick.seq, tick)


async def read(step: str, port: int) -> None:
    """Subscribe, say so, and read until ended."""
    reader = Reader(step)
    await asyncio.get_running_loop().create_connection(lambda: reader, "127.0.0.1", port)
    await reader.subscribed.wait()
    print("{}", flush=True)
    await asyncio.Event().wait()


def cost_us(bench: Bench, publisher: Process, step: str, pace: Pace, seconds: float) -> float:
    """Microseconds of CPU for each message."""
    messages, ticks = pace
    publisher.ask("first")
    with _started(bench, step) as server:
        publisher.ask("start", ticks_per_s=messages * ticks, burst=ticks, order="round")
        time.sleep(SETTLES_S)
        used, began = machine.cpu_s(server.pid), time.monotonic()
        time.sleep(seconds)
        used, took = machine.cpu_s(server.pid) - used, time.monotonic() - began
        publisher.ask("stop")
    return used * 1e6 / (messages * took)


def _started(bench: Bench, step: str) -> Process | Server:
    if step == GATEWAY:
        return Server(ALL["gateway"], bench.cores.server, bench.bus_url, 0, None, {})
    command = python("bench.incoming", "--step", step, "--port", str(bench.bus_port))
    process = Process(command, bench.cores.server, piped=True)
    process.ask("begin")
    return process


def _pace(text: str) -> Pace:
    messages, _, ticks = text.partition("x")
    return int(messages), int(ticks)


def main() -> None:
    """Measure every step at every pace, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.incoming", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--pace", action="append", type=_pace, help="messages a second × ticks in each: 1000x10")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        sys.stdin.readline()
        uvloop.run(read(arguments.step, arguments.port))
        return
    with (
        prepared(0) as (_, bench, _),
        Process(python("bench.feed.publisher", str(bench.bus_port), "1"), bench.cores.load, piped=True) as publisher,
    ):
        paces = arguments.pace or PACES
        heads = [f"{messages:,} × {ticks}" for messages, ticks in paces]
        print(f"\nµs of CPU a message, by messages/s × ticks; {len(SYMBOLS)} symbols\n")
        print(f"{'':<36}" + "".join(f"{head:>14}" for head in heads))
        for step, about in {**STEPS, GATEWAY: "the gateway"}.items():
            costs = [cost_us(bench, publisher, step, pace, arguments.seconds) for pace in paces]
            print(f"{about:<36}" + "".join(f"{cost:>14.1f}" for cost in costs), flush=True)


if __name__ == "__main__":
    main()
