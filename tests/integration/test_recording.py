"""A recording of the exchange, all the way to a client."""

import json
import os
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.client import connected
from tests.integration.fronts import both_ways
from tests.integration.stacks import answers, stack_of, ws_url

pytestmark = pytest.mark.integration

QUOTE_FIELDS = (("b", "bid", "price_scale"), ("a", "ask", "price_scale"))
SIZE_FIELDS = (("B", "bid_size", "size_scale"), ("A", "ask_size", "size_scale"))


async def test_every_distinct_quote_of_a_recording_arrives_once_in_order_and_exact(tmp_path: Path) -> None:
    """Poller, bus and gateway lose, repeat, reorder and round nothing of what the exchange said.

    ``TICKGATE_RECORDING`` names another recording than the one made here.
    """
    recording = _given_recording() or _made_recording(tmp_path)
    expected = _distinct_quotes(recording)
    assert expected != {}

    plan = both_ways(FEED=f"replay:{recording}", REPLAY_SPEED="0", SYMBOLS=",".join(sorted(expected)))
    async with stack_of(plan) as stack:
        # The poller last: a replay does not wait for anybody to listen.
        for name in (program.name for program in plan if program.name != "poller"):
            await stack.start_one(name)
        await answers(f"http://{plan.front}/", 200)
        async with connected(ws_url(stack)) as client:
            await client.subscribe("*", conflate=False)
            await stack.start_one("poller")
            # It ends with the link down, said after every price.
            await client.until(lambda client: "ended" in client.status.get("reason", ""), within_s=30)

            for symbol, quotes in expected.items():
                assert _exact(client.prices[symbol]) == quotes
            assert client.gaps() == []
            assert client.prices.keys() == expected.keys()
    print(f"{sum(map(len, expected.values()))} quotes of {len(expected)} symbols in {recording}")  # noqa: T201


def _given_recording() -> Path | None:
    given = os.environ.get("TICKGATE_RECORDING")
    return Path(given).resolve() if given else None


def _made_recording(folder: Path) -> Path:
    path = folder / "recording.txt"
    path.write_text("".join(_recorded_lines()), encoding="utf-8")
    return path


def _distinct_quotes(recording: Path) -> dict[str, list[tuple[Decimal, ...]]]:
    """What a reader of the recording should be told: quotes whose ``u`` is above all before it, by symbol."""
    newest: dict[str, int] = {}
    quotes: dict[str, list[tuple[Decimal, ...]]] = {}
    for stream, data in _messages(recording):
        if stream.endswith("@bookTicker") and data["u"] > newest.get(data["s"], -1):
            newest[data["s"]] = data["u"]
            values = tuple(Decimal(data[field]) for field, _, _ in QUOTE_FIELDS + SIZE_FIELDS)
            quotes.setdefault(data["s"], []).append(values)
    return quotes


def _exact(prices: list[dict[str, Any]]) -> list[tuple[Decimal, ...]]:
    """Prices as a client computes them: the integer over ten to the power of its scale."""
    assert all(type(price[name]) is int for price in prices for _, name, _ in QUOTE_FIELDS + SIZE_FIELDS)
    return [
        tuple(Decimal(price[name]).scaleb(-price[scale]) for _, name, scale in QUOTE_FIELDS + SIZE_FIELDS)
        for price in prices
    ]


def _messages(recording: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with recording.open(encoding="utf-8") as lines:
        next(lines)
        for line in filter(str.strip, lines):
            message = json.loads(line.partition(": ")[2])
            yield message["stream"], message["data"]


def _recorded_lines() -> Iterator[str]:
    """Four symbols of different scales, with other streams between, repeated and late quotes among them."""
    rng = random.Random(2021)
    scales = {"BTCUSDT": (2, 5), "ADAUSDT": (3, 1), "SHIBUSDT": (8, 0), "LRCBTC": (8, 0)}
    streams = "/".join(f"{symbol.lower()}@{stream}" for symbol in scales for stream in ("bookTicker", "aggTrade"))
    yield f"wss://stream.binance.com:9443/stream?streams={streams} <-> 1633998511.159679\n"
    update_ids = dict.fromkeys(scales, 400_900_000)
    sent: list[str] = []
    for number in range(3000):
        symbol = rng.choice(list(scales))
        price_scale, size_scale = scales[symbol]
        update_ids[symbol] += rng.randint(1, 40)
        bid = rng.randint(1, 10**9)
        quote = {
            "u": update_ids[symbol],
            "s": symbol,
            "b": _padded(bid, price_scale),
            "B": _padded(rng.randint(1, 10**9), size_scale),
            "a": _padded(bid + rng.randint(1, 50), price_scale),
            "A": _padded(rng.randint(1, 10**9), size_scale),
        }
        sent.append(json.dumps({"stream": f"{symbol.lower()}@bookTicker", "data": quote}))
        messages = [sent[-1]]
        if number % 7 == 0:
            messages.append(rng.choice(sent))
        if number % 5 == 0:
            trade = {"e": "aggTrade", "E": 1633998511000, "s": symbol, "a": number, "p": quote["b"], "q": "1.0"}
            messages.append(json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": trade}))
        for message in messages:
            yield f"{1633998511.2 + number / 1000:.6f}: {message}\n"


def _padded(value: int, scale: int) -> str:
    """As Binance writes it: always eight decimals."""
    return f"{Decimal(value).scaleb(-scale):.8f}"
