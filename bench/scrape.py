"""How long does a scrape keep a gateway's event loop? ``python -m bench.scrape`` answers.

The scrape of a whole gateway in this process, on a bus in memory, with clients without sockets. It works in turns,
between which the loop can do something else. Here nothing else runs, so each turn is timed alone:

- the sum of all turns is what a scrape takes of the loop's time,
- the longest turn is how long a price waits for it at most.

Turns are timed by the CPU time of this thread: what else runs on the machine counts little.
"""

import argparse
import asyncio
import gc
import random
import sys
import time
from statistics import median
from typing import Final, NamedTuple

from bench.host import machine
from gateway.fanout.cohorts.member import Subscription
from gateway.gateway import Gateway
from gateway.metrics.fan_out import FanOut
from gateway.protocol.encoding import Encoding
from gateway.protocol.encodings import DEFAULT
from gateway.scrape import families
from gateway.settings import Settings
from market.bus import Batch, open_bus
from market.metrics.exposition import expose
from market.prices.symbols import Symbols
from market.prices.tick import Tick
from market.prices.venues import DEFAULT_VENUE
from market.process.tasks import end
from market.wire.codec import encode_heartbeat, encode_tick
from market.wire.status import Heartbeat
from market.wire.topics import heartbeat_topic, tick_topic

SYMBOLS: Final = 2_000
_ROUNDS: Final = 15
_CALLS: Final = 200_000
_START_S: Final = 20.0
_SMALL: Final = 1_000


class Load(NamedTuple):
    """Who is connected."""

    clients: int
    each: int
    """The symbols of each client, any of all: no two clients want the same."""


LOADS: Final = (Load(0, 0), Load(1_000, 20), Load(10_000, 20), Load(10_000, 200))


class Scrape(NamedTuple):
    """One scrape."""

    turns_ms: list[float]
    lines: int
    size: int


class Client:
    """A connection without a socket, which takes everything."""

    def __init__(self) -> None:
        self.encoding: Encoding = DEFAULT
        self.watched = False
        self.rtt_s = 0.0
        self.drained = True
        self.has_unread = False
        self.slow_s = 0.0

    def send(self, blob: bytes) -> bool:  # noqa: ARG002 - as `Member` has it
        """Take it."""
        return True

    def enqueue(self, blob: bytes) -> None:
        """Take it."""

    def reply(self, frames: bytes) -> None:
        """Take it."""

    def abort(self, reason: str) -> None:
        """Nothing is open."""


def names(count: int) -> list[str]:
    """So many symbols."""
    return [f"C{number:05d}USDT" for number in range(count)]


async def started(symbols: list[str]) -> tuple[Gateway, asyncio.Task[None]]:
    """A gateway that has a price of each symbol, and its work."""
    settings = Settings(bus_url="memory://", symbols=Symbols(symbols), metrics_symbols=len(symbols))
    gateway = Gateway(settings, open_bus(settings.bus_url))
    now_us = gateway.now_us()
    ticks = [
        Tick(symbol=symbol, seq=1, bid=7, ask=8, price_scale=2, size_scale=3, recv_us=now_us) for symbol in symbols
    ]
    await gateway.bus.broker.publish(Batch([(tick_topic(tick.symbol), encode_tick(tick)) for tick in ticks]))
    work = asyncio.create_task(gateway.run())
    async with asyncio.timeout(_START_S):
        while gateway.feed.bus_link.up_since is None:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    return gateway, work


async def beat(gateway: Gateway) -> None:
    """Let prices be live for the next seconds."""
    now_us = gateway.now_us()
    heartbeat = Heartbeat(source="simulated", link="up", since_us=now_us, sent_us=now_us)
    await gateway.bus.broker.publish(Batch([], barrier=(heartbeat_topic(DEFAULT_VENUE), encode_heartbeat(heartbeat))))


def join(gateway: Gateway, load: Load, symbols: list[str]) -> None:
    """Let the clients of ``load`` subscribe, each to symbols of its own."""
    rng = random.Random(7)
    for _ in range(load.clients):
        client = Client()
        gateway.hub.add(client)
        gateway.hub.move(client, (Subscription(frozenset(rng.sample(symbols, load.each))),))


def scrape(gateway: Gateway) -> Scrape:
    """Answer one scrape, turn by turn."""
    work = expose(families(gateway))
    turns_ms: list[float] = []
    while True:
        before = time.thread_time_ns()
        try:
            waits_for = work.send(None)
        except StopIteration as over:
            turns_ms.append((time.thread_time_ns() - before) / 1e6)
            text: bytes = over.value
            return Scrape(turns_ms, text.count(b"\n"), len(text))
        turns_ms.append((time.thread_time_ns() - before) / 1e6)
        assert waits_for is None, "a scrape waits for nothing, it only lets others go first"


async def measured(load: Load, count: int, rounds: int) -> list[Scrape]:
    """Scrapes of a gateway of so many symbols."""
    symbols = names(count)
    gateway, work = await started(symbols)
    try:
        join(gateway, load, symbols)
        # As a gateway does at its start. Else the clients made here would be looked through between.
        gc.collect()
        gc.freeze()
        scrapes = []
        for _ in range(rounds):
            await beat(gateway)
            scrapes.append(scrape(gateway))
        return scrapes
    finally:
        gc.unfreeze()
        await end(work)


def row(load: Load, scrapes: list[Scrape]) -> str:
    """A line of the table: medians, and the longest turn of all."""
    total, turns = median(sum(one.turns_ms) for one in scrapes), median(len(one.turns_ms) for one in scrapes)
    usual, longest = median(max(one.turns_ms) for one in scrapes), max(max(one.turns_ms) for one in scrapes)
    what = f"{load.clients:,} × {load.each}" if load.clients else "none"
    size = f"{scrapes[0].lines:,} | {scrapes[0].size / 1024:,.0f}"
    return f"| {what} | {size} | {total:.1f} | {turns:.0f} | {usual:.1f} | {longest:.1f} |"


def flush_ns(calls: int) -> float:
    """What the histograms cost of one message from the bus and its flush, in nanoseconds."""
    fan_out = FanOut()
    took, flushed = fan_out.took, fan_out.flushed
    before = time.thread_time_ns()
    for _ in range(calls):
        took(1_700_000_000_000_000)
        fan_out.bytes_sent += 400
        flushed(1_700_000_000_000_000, 0.0004)
    return (time.thread_time_ns() - before) / calls


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.scrape", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--symbols", type=int, default=SYMBOLS, help=f"default: {SYMBOLS:,}")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"scrapes of each load (default: {_ROUNDS})")
    parser.add_argument("--small", action="store_true", help="only the loads of up to a thousand clients")
    options = parser.parse_args(arguments)
    about = machine.describe()
    print(f"{about['cpu']}, Python {about['python']}, load {about['load']}, {about['commit']}\n")
    print(
        f"{options.symbols:,} symbols. Times in ms of the event loop's CPU: median, and of turns the longest of all.\n"
    )
    print("| clients × symbols | lines | KB | a scrape | turns | its longest turn | of all |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for load in LOADS:
        if load.clients <= _SMALL or not options.small:
            print(row(load, asyncio.run(measured(load, options.symbols, options.rounds))), flush=True)
    print(f"\nOne message and its flush: {flush_ns(_CALLS):.0f} ns for the histograms.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
