"""Helpers of tests of single symbols: moving prices at the local exchange, and what a client holds of each symbol."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal

from deploy.launcher.programs import Plan
from tests.client import Client, Message, open_client
from tests.exchange.server import Exchange
from tests.integration.faults import feeds, is_live, now
from tests.integration.fronts import both_ways

EVERY_S = 0.1
"""Seconds between two quotes of a symbol that moves."""


def plan_for(exchange: Exchange, symbols: Iterable[str], feed: str = "binance-ws", **settings: str) -> Plan:
    """Valkey, a poller of this exchange, and one gateway, reachable both ways."""
    named = {"SYMBOLS": ",".join(symbols)} | settings
    return both_ways(FEED=feed, BINANCE_REST_URL=exchange.rest_url, BINANCE_WS_URL=exchange.ws_url, **named)


@asynccontextmanager
async def moving(exchange: Exchange, *symbols: str) -> AsyncIterator[None]:
    """Give each of these a new bid and ask every `EVERY_S`: from 100.00 and 101.00 up by cents, again and again."""

    async def move() -> None:
        for cents in itertools.cycle(range(100)):
            for symbol in symbols:
                exchange.quote(symbol, bid=f"100.{cents:02d}000000", ask=f"101.{cents:02d}000000")
            await asyncio.sleep(EVERY_S)

    task = asyncio.create_task(move())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


@asynccontextmanager
async def holder(url: str, *symbols: str) -> AsyncIterator[Client]:
    """A client of every tick of these symbols. At the end, check that none is missing and the feed was never stale."""
    client = await open_client(url)
    try:
        await client.subscribe(*symbols, conflate=False)
        await client.until(is_live, within_s=20)
        yield client
        assert client.close_code is None
        assert client.gaps() == []
        assert "stale" not in feeds(client)[feeds(client).index("live") :]
    finally:
        await client.close()


def newest(client: Client, symbol: str) -> Message:
    """The newest tick or snapshot of a symbol; empty before the first."""
    prices = client.prices[symbol]
    return prices[-1] if prices else {}


def number(price: Message, field: str) -> Decimal | None:
    """The decimal value of a field; None if it is absent."""
    if field not in price:
        return None
    scale = price["price_scale" if field in {"bid", "ask", "last"} else "size_scale"]
    return Decimal(price[field]).scaleb(-scale)


def shows(client: Client, symbol: str, **fields: str | None) -> bool:
    """Whether the newest price of ``symbol`` has exactly these numbers; None means that a field must be absent."""
    price = newest(client, symbol)
    return bool(price) and all(
        number(price, name) == (None if value is None else Decimal(value)) for name, value in fields.items()
    )


def state(client: Client, symbol: str) -> str:
    """The state of a symbol, as a client must take it."""
    return str(client.states[symbol]["state"]) if symbol in client.states else "live"


def history(client: Client, symbol: str) -> list[str]:
    """The states that a client received of a symbol, in order."""
    return [its["state"] for its in client.messages if its["type"] == "symbol_status" and its["symbol"] == symbol]


def turns(client: Client, symbol: str) -> list[str]:
    """The same without `stale`: a symbol that is traded again may be stale until its first price."""
    return [its for its in history(client, symbol) if its != "stale"]


async def until_state(client: Client, symbol: str, wanted: str, reason: str = "", within_s: float = 20) -> float:
    """Wait for this state of a symbol, with a reason that contains ``reason``; return the seconds."""
    began = now()
    await client.until(
        lambda client: (
            symbol in client.states and state(client, symbol) == wanted and reason in client.states[symbol]["reason"]
        ),
        within_s,
    )
    return now() - began


async def until_shown(client: Client, symbol: str, within_s: float = 20, **fields: str | None) -> float:
    """Wait until the newest price of ``symbol`` has exactly these numbers; return the seconds."""
    began = now()
    await client.until(lambda client: shows(client, symbol, **fields), within_s)
    return now() - began
