"""What tests of single symbols need: prices that move at the local exchange, and what a client holds of each symbol."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal

from deploy.programs import Plan
from tests.client import Client, Message, open_client
from tests.exchange.server import Exchange
from tests.integration.faults import feeds, is_live, now
from tests.integration.fronts import both_ways

EVERY_S = 0.1
"""From one quote of a symbol that moves to the next."""


def plan_for(exchange: Exchange, symbols: Iterable[str], feed: str = "binance-ws", **settings: str) -> Plan:
    """Valkey, a poller of this exchange, and one gateway, to which there are both ways."""
    named = {"SYMBOLS": ",".join(symbols)} | settings
    return both_ways(FEED=feed, BINANCE_REST_URL=exchange.rest_url, BINANCE_WS_URL=exchange.ws_url, **named)


@asynccontextmanager
async def moving(exchange: Exchange, *symbols: str) -> AsyncIterator[None]:
    """Each of these has another bid and ask every `EVERY_S`: from 100.00 and 101.00 up by cents, again and again."""

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
    """A client of every tick of these symbols; none is missing at the end, and prices as a whole were never stale."""
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
    """What a field stands for; None where it is absent."""
    if field not in price:
        return None
    scale = price["price_scale" if field in {"bid", "ask", "last"} else "size_scale"]
    return Decimal(price[field]).scaleb(-scale)


def shows(client: Client, symbol: str, **fields: str | None) -> bool:
    """Whether the newest price of ``symbol`` has exactly these numbers; None is for what must be absent."""
    price = newest(client, symbol)
    return bool(price) and all(
        number(price, name) == (None if value is None else Decimal(value)) for name, value in fields.items()
    )


def state(client: Client, symbol: str) -> str:
    """What a client has to take a symbol for."""
    return str(client.states[symbol]["state"]) if symbol in client.states else "live"


def history(client: Client, symbol: str) -> list[str]:
    """The states that were told of a symbol, in order."""
    return [its["state"] for its in client.messages if its["type"] == "symbol_status" and its["symbol"] == symbol]


def turns(client: Client, symbol: str) -> list[str]:
    """The same but for `stale`: a symbol that is traded again is that until its first price, which may be there."""
    return [its for its in history(client, symbol) if its != "stale"]


async def until_state(client: Client, symbol: str, wanted: str, reason: str = "", within_s: float = 20) -> float:
    """Wait until a symbol is told to be so, for a reason that contains ``reason``; the seconds it took."""
    began = now()
    await client.until(
        lambda client: (
            symbol in client.states and state(client, symbol) == wanted and reason in client.states[symbol]["reason"]
        ),
        within_s,
    )
    return now() - began


async def until_shown(client: Client, symbol: str, within_s: float = 20, **fields: str | None) -> float:
    """Wait until the newest price of ``symbol`` has exactly these numbers; the seconds it took."""
    began = now()
    await client.until(lambda client: shows(client, symbol, **fields), within_s)
    return now() - began
