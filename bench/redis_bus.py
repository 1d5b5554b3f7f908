"""What batches and the channels of symbols cost one Redis as the bus.

    python -m bench.redis_bus

A poller publishes the same ticks to an embedded Valkey in each way, as fast as it is answered, while some subscribers
read. CPU is that of the server, and that of the publisher, for each tick.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from bench.feed.ticks import SYMBOLS, TickMaker
from bench.host import machine
from bench.measuring.ground import prepared
from market.bus import Broker, BusOptions, Message, in_partition, open_bus
from market.prices.tick import Tick
from market.wire.topics import batch_topic, tick_topic
from poller.publishing.tick_batches import TickBatches

TICKS: Final = 40_000
"""Published in each way."""
SUBSCRIBERS: Final = 4


class Way(Struct, frozen=True):
    """One way to publish."""

    name: str
    flush: int
    """Ticks in one publish."""
    channels: bool
    """Whether each tick also goes on its symbol's channel."""
    by_symbol: bool = False
    """Whether subscribers read those channels, as gateways did before there were batches."""


WAYS: Final = [
    Way(name, flush, channels, by_symbol)
    for flush in (1, 10, 100)
    for name, channels, by_symbol in (
        ("by symbol", True, True),
        ("by batch, symbols too", True, False),
        ("by batch alone", False, False),
    )
]


async def measure(way: Way, url: str, bus_pid: int) -> tuple[float, float]:
    """Microseconds of the server's CPU and of ours, for each tick."""
    bus = open_bus(url, BusOptions())
    maker = TickMaker(random.Random(1), time.time_ns() // 1_000_000)
    ticks = [maker.tick(SYMBOLS[number % len(SYMBOLS)], time.time_ns() // 1000) for number in range(TICKS)]
    subscribers = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "bench.redis_bus",
            "--read",
            "by symbol" if way.by_symbol else "by batch",
            "--url",
            url,
        ),
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.PIPE,
    )
    assert subscribers.stdout is not None
    await subscribers.stdout.readline()
    batches = TickBatches(1, symbol_channels=way.channels)
    server, ours = machine.cpu_s(bus_pid), time.process_time()
    await _publish(bus.broker, batches, ticks, way.flush)
    used = machine.cpu_s(bus_pid) - server, time.process_time() - ours
    subscribers.terminate()
    await subscribers.wait()
    await bus.aclose()
    return used[0] * 1e6 / TICKS, used[1] * 1e6 / TICKS


async def _publish(broker: Broker, batches: TickBatches, ticks: Sequence[Tick], flush: int) -> None:
    for start in range(0, len(ticks), flush):
        await broker.publish(batches.batch(ticks[start : start + flush]))


async def read(how: str, url: str) -> None:
    """Subscribe some times, say so, and read until ended."""
    bus = open_bus(url)
    topics = [in_partition(batch_topic("binance"), 0)] if how == "by batch" else list(map(tick_topic, SYMBOLS))
    links = [await bus.broker.subscribe(topics, _ignore) for _ in range(SUBSCRIBERS)]
    print("ready", flush=True)
    await asyncio.wait([link.lost for link in links])


def _ignore(messages: Sequence[Message]) -> None:
    """Read, and do nothing."""


def main() -> None:
    """Measure every way, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.redis_bus", description=__doc__.partition("\n")[0])
    parser.add_argument("--read", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        asyncio.run(read(arguments.read, arguments.url))
        return
    with prepared(0) as (_, bench, _):
        print(f"\n{SUBSCRIBERS} subscribers\n")
        print(f"{'':<24}{'ticks a publish':>16}{'server µs/tick':>16}{'poller µs/tick':>16}")
        for way in WAYS:
            server, ours = asyncio.run(measure(way, bench.bus_url, bench.bus_pid))
            print(f"{way.name:<24}{way.flush:>16}{server:>16.1f}{ours:>16.1f}")


if __name__ == "__main__":
    main()
