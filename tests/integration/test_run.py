"""One gateway as `make run` starts it."""

import asyncio

import pytest

from tests.client import Client, connected
from tests.integration.stacks import run_plan, running, ws_url

pytestmark = [pytest.mark.integration, pytest.mark.measured]


async def test_a_subscribe_answers_with_a_snapshot_and_ticks_follow() -> None:
    """Who subscribes hears `subscribed`, the newest price at once, and then every change of it."""
    async with running(run_plan()) as stack, connected(ws_url(stack)) as client:
        await client.until(lambda client: client.status.get("feed") == "live")
        await client.send({"type": "subscribe", "symbols": ["btc"], "id": "first"})
        await client.until(lambda client: len(client.prices["BTCUSDT"]) > 5)

        confirmed = [message for message in client.messages if message["type"] == "subscribed"]
        assert confirmed == [{"type": "subscribed", "symbols": ["BTCUSDT"], "id": "first"}]
        types = [price["type"] for price in client.prices["BTCUSDT"]]
        assert types == ["snapshot"] + ["tick"] * (len(types) - 1)
        assert list(client.prices) == ["BTCUSDT"]
        assert client.status["source"] == "simulated"


async def test_each_client_gets_exactly_its_own_symbols() -> None:
    """Of three clients with BTC and ETH, SOL, and BTC and SOL, none hears anything of another's symbols."""
    wanted = ({"BTCUSDT", "ETHUSDT"}, {"SOLUSDT"}, {"BTCUSDT", "SOLUSDT"})
    async with running(run_plan()) as stack:
        url = ws_url(stack)
        async with connected(url) as a, connected(url) as b, connected(url) as c:
            clients = (a, b, c)
            for client, symbols in zip(clients, wanted, strict=True):
                await client.subscribe(*sorted(symbols), conflate=False)
            await asyncio.gather(*(client.until(_heard_twenty_of_each) for client in clients))
            received = tuple(set(client.prices) for client in clients)
            assert received == wanted
            assert [client.gaps() for client in clients] == [[], [], []]
            # The same update is the same for everybody who holds the symbol.
            of_a, of_c = _by_seq(a, "BTCUSDT"), _by_seq(c, "BTCUSDT")
            shared = of_a.keys() & of_c.keys()
            assert len(shared) > 10
            assert [of_a[seq] for seq in shared] == [of_c[seq] for seq in shared]


def _heard_twenty_of_each(client: Client) -> bool:
    return bool(client.prices) and all(len(prices) >= 20 for prices in client.prices.values())


def _by_seq(client: Client, symbol: str) -> dict[int, object]:
    return {price["seq"]: price for price in client.prices[symbol] if price["type"] == "tick"}
