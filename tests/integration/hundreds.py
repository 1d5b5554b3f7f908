"""A hundred clients of a hundred symbols each, of every tick."""

import asyncio
import random

from deploy.launcher.programs import CLUSTER_SYMBOLS
from market.prices.symbols import parse_symbols
from tests.client import Client, open_client

CLIENTS = 100
SYMBOLS = tuple(parse_symbols(CLUSTER_SYMBOLS))
BACK_WITHIN_S = 5


async def hundred_subscribers(url: str) -> list[Client]:
    """Clients of every tick, each with a price of every symbol."""
    clients = await asyncio.gather(*(open_client(url, within_s=20) for _ in range(CLIENTS)))
    await asyncio.gather(*(client.subscribe(*SYMBOLS, conflate=False, within_s=20) for client in clients))
    await asyncio.gather(*(client.until(_has_all, within_s=20) for client in clients))
    return list(clients)


async def come_back(url: str, newest: dict[str, int]) -> Client:
    """What a client does whose connection broke: a short random wait, connect anywhere, subscribe again."""
    await asyncio.sleep(random.uniform(0, 0.5))
    client = await open_client(url)
    await client.subscribe(*SYMBOLS, conflate=False)
    await client.until(lambda client: is_past(client, newest))
    return client


def _has_all(client: Client) -> bool:
    return len(client.prices) == len(SYMBOLS)


def is_past(client: Client, marks: dict[str, int]) -> bool:
    """Whether a client has of each symbol what ``marks`` names, or newer."""
    return all(client.newest_seq(symbol) >= mark for symbol, mark in marks.items())
