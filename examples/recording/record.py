"""Record what a gateway sends, every tick of it, in the form that a poller plays again.

    python examples/recording/record.py ws://127.0.0.1:8080/ws BTC ETH --seconds 60 --to recording.txt
    FEED=replay:recording.txt SYMBOLS=BTCUSDT,ETHUSDT tickgate run

The first line names the streams, and each other line is ``unix_time: message``, as Binance sends it. A tick with a new
last price or volume becomes two lines: the quote is a message of its own there.
"""

import argparse
import asyncio
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tickgate_client import Disconnected, Gap, Problem, Stream, Tick, TickgateError, connect, format_price


class Recording:
    """The lines of a recording."""

    def __init__(self, file: TextIO, symbols: list[str]) -> None:
        streams = "/".join(f"{symbol.lower()}@{kind}" for symbol in symbols for kind in ("bookTicker", "miniTicker"))
        file.write(f"wss://tickgate/stream?streams={streams}\n")
        self._file = file
        self._trades: dict[str, tuple[str, str]] = {}
        self.ticks = 0

    def add(self, tick: Tick) -> None:
        """Write one tick."""
        self.ticks += 1
        for kind, data in self._messages(tick):
            message = {"stream": f"{tick.symbol.lower()}@{kind}", "data": data}
            self._file.write(f"{tick.recv_us / 1e6:.6f}: {json.dumps(message, separators=(',', ':'))}\n")

    def _messages(self, tick: Tick) -> Iterator[tuple[str, dict[str, object]]]:
        price, size = tick.price_scale, tick.size_scale
        trade = format_price(tick.last_int, price), format_price(tick.volume_int, size)
        if "-" not in trade and trade != self._trades.get(tick.symbol):
            self._trades[tick.symbol] = trade
            at_ms = (tick.event_us or tick.recv_us) // 1000
            yield "miniTicker", {"e": "24hrMiniTicker", "E": at_ms, "s": tick.symbol, "c": trade[0], "v": trade[1]}
        quote = {
            "b": format_price(tick.bid_int, price),
            "B": format_price(tick.bid_size_int, size),
            "a": format_price(tick.ask_int, price),
            "A": format_price(tick.ask_size_int, size),
        }
        if "-" not in quote.values():
            yield "bookTicker", {"u": tick.seq, "s": tick.symbol, **quote}


async def record(stream: Stream, symbols: list[str], file: TextIO) -> None:
    """Write every tick, until cancelled or closed; say where one is missing."""
    names = await stream.subscribe(*symbols, conflate=False)
    recording = Recording(file, names)
    try:
        async for event in stream.events():
            match event:
                case Tick():
                    recording.add(event)
                case Gap() | Disconnected() | Problem():
                    print(event)
    finally:
        print(f"{recording.ticks} ticks of {', '.join(names)}")


async def main() -> None:
    """Read the arguments, and record."""
    parser = argparse.ArgumentParser(description="Record every tick of some symbols.")
    parser.add_argument("url")
    parser.add_argument("symbols", nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--to", type=Path, default=Path("recording.txt"))
    options = parser.parse_args()
    with options.to.open("w", encoding="utf-8") as file:
        async with connect(options.url, token=os.environ.get("TICKGATE_TOKEN")) as stream:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(options.seconds):
                    await record(stream, options.symbols, file)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except TickgateError as error:
        raise SystemExit(f"record: {error}") from None
