"""The poller's part of a bench: an exchange's messages in, encoded ticks out, in one process without sockets.

The bench runs it as a file, ``python -P bench/measuring/poller_cost.py``, with PYTHONPATH at the measured tree. So it
imports nothing of ``bench``, which would be that tree's. Only `pipeline` knows that tree's interface. It takes one JSON
command per line and answers each with one line: ``{"do": "run", "seconds": 3}``, see `run`.
"""

import importlib
import importlib.util
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

Pipeline = Callable[[bytes, int], bytes | None]
"""A message and its ``recv_us`` in, the encoded tick out; None if it makes none."""

_SHAPES = ((6_500_000, 2, 5), (35_210, 4, 1), (23_450, 8, 0))
"""First price, price scale, size scale: symbols like BTCUSDT, NKNUSDT and SHIBUSDT, in turn."""
_DIGITS = 8
"""Binance pads every decimal to this many places."""
_SYMBOLS = 100
_QUOTES = 100
"""Messages of each symbol in one pass."""
_QUOTES_PER_SUMMARY = 10
_PACKAGES = ("poller.ticks.processor", "poller.source", "poller.venues.binance.messages")
_FLAT = ("poller.processor", "poller.sources", "poller.sources.binance")
"""The same module in older trees."""
_START_US = 1_800_000_000_000_000
_STEP_US = 100


def pipeline(scales: Mapping[str, tuple[int, int]]) -> Pipeline:
    """The code between a message and its tick in the measured tree; ``scales`` are price and size.

    Only this function knows the poller's interface. If two trees differ in it, it must try both.
    """
    processor_class, update_class, parse_message = _interface()
    encode_tick = _market("wire", "codec").encode_tick
    numbers = {symbol: count(1).__next__ for symbol in scales}
    # Untyped: it comes from the other tree, which may be older.
    processor: Any = processor_class(_instruments(scales), lambda symbol: numbers[symbol]())

    def process(message: bytes, recv_us: int) -> bytes | None:
        update = parse_message(message, recv_us)
        outcome = processor.process(update) if isinstance(update, update_class) else None
        # In some trees a tick comes with a verdict, in others alone.
        tick = getattr(outcome, "tick", outcome)
        return None if tick is None else encode_tick(tick)

    return process


def _interface() -> tuple[Any, Any, Any]:
    """Processor, Update and parse_message, from their modules in the measured tree."""
    there = importlib.util.find_spec("poller.ticks") is not None
    modules = _PACKAGES if there else _FLAT
    found = []
    for module, name in zip(modules, ("Processor", "Update", "parse_message"), strict=True):
        try:
            found.append(getattr(importlib.import_module(module), name))
        except AttributeError:
            raise ImportError(f"cannot import name {name!r} from {module!r}") from None
    return found[0], found[1], found[2]


def _instruments(scales: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """The scales as the measured tree takes them: with the rest of a symbol's listing, or alone."""
    alone = getattr(_market("prices", "symbols"), "Scales", None)
    if alone is not None:
        return {symbol: alone(price, size) for symbol, (price, size) in scales.items()}
    listing = _market("prices", "instruments")
    return {
        symbol: listing.Instrument("trading", listing.Scales(price, size)) for symbol, (price, size) in scales.items()
    }


def _market(package: str, module: str) -> Any:
    """A module of the measured tree's ``market``. Older trees have it flat, without the package."""
    # Not by what can be imported: an installed copy may have modules that a tree lacks.
    there = (Path(str(importlib.import_module("market").__file__)).parent / package).is_dir()
    return importlib.import_module(f"market.{package}.{module}" if there else f"market.{module}")


class Message(NamedTuple):
    """One message of the exchange, and the prices that its tick must have."""

    data: bytes
    recv_us: int
    symbol: str
    prices: Mapping[str, Decimal]


def messages() -> tuple[dict[str, tuple[int, int]], list[Message]]:
    """The scales of every symbol, and one pass of messages. Each has a new quote, so each makes a tick."""
    rng = random.Random(7)
    shapes = {f"C{index:02d}USDT": _SHAPES[index % len(_SHAPES)] for index in range(_SYMBOLS)}
    made: list[Message] = []
    for number in range(1, _QUOTES + 1):
        for symbol, (first, price, size) in shapes.items():
            bid = first + rng.getrandbits(10)
            quote = {
                "u": 400_900_000 + number,
                "s": symbol,
                "b": _decimal(bid, price),
                "B": _decimal(rng.randrange(1, 10**6), size),
                "a": _decimal(bid + 1, price),
                "A": _decimal(rng.randrange(1, 10**6), size),
            }
            made.append(_message(symbol, "bookTicker", quote, len(made), bid=quote["b"], ask=quote["a"]))
            if number % _QUOTES_PER_SUMMARY == 0:
                summary = {
                    "e": "24hrMiniTicker",
                    "E": _START_US // 1000 + number,
                    "s": symbol,
                    "c": _decimal(bid, price),
                    "o": _decimal(first, price),
                    "h": _decimal(first + 1024, price),
                    "l": _decimal(first, price),
                    "v": _decimal(10**9 + number, size),
                    "q": "123456789.12345678",
                }
                made.append(_message(symbol, "miniTicker", summary, len(made), last=summary["c"]))
    return {symbol: (price, size) for symbol, (_, price, size) in shapes.items()}, made


def _message(symbol: str, stream: str, data: Mapping[str, Any], index: int, **prices: Any) -> Message:
    event = {"stream": f"{symbol.lower()}@{stream}", "data": data}
    return Message(
        json.dumps(event, separators=(",", ":")).encode(),
        _START_US + index * _STEP_US,
        symbol,
        {name: Decimal(price) for name, price in prices.items()},
    )


def _decimal(value: int, scale: int) -> str:
    return f"{Decimal(value).scaleb(-scale):.{_DIGITS}f}"


def run(seconds: float, make: Callable[[Mapping[str, tuple[int, int]]], Pipeline] = pipeline) -> dict[str, Any]:
    """Run passes for ``seconds``, each through a new pipeline. Only the work of the pipeline is counted.

    Answers with the CPU seconds, the updates in, the ticks out, and the ``wrong`` ticks of one further pass.
    """
    scales, made = messages()
    pairs = [(message.data, message.recv_us) for message in made]
    updates = ticks = 0
    cpu_s = 0.0
    end = time.monotonic() + seconds
    while not updates or time.monotonic() < end:
        process = make(scales)
        came = 0
        before = time.process_time()
        for data, recv_us in pairs:
            if process(data, recv_us) is not None:
                came += 1
        cpu_s += time.process_time() - before
        updates += len(pairs)
        ticks += came
    return {"updates": updates, "ticks": ticks, "cpu_s": cpu_s, "wrong": wrong(make(scales), made)}


def wrong(process: Pipeline, made: Sequence[Message]) -> list[str]:
    """The errors of the first few ticks that do not match their messages."""
    found: list[str] = []
    for message in made:
        payload = process(message.data, message.recv_us)
        tick = {} if payload is None else json.loads(payload)
        said = {
            name: Decimal(tick[name]).scaleb(-tick["price_scale"]) if name in tick else None for name in message.prices
        }
        if tick.get("symbol") != message.symbol or said != message.prices:
            found.append(f"{message.data.decode()} made {tick}")
            if len(found) == 3:
                break
    return found


def main() -> None:
    """Execute commands until they end."""
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = run(command["seconds"])
        except Exception as error:
            # Whatever another tree's interface is, the bench must say in one line that it does not fit.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
