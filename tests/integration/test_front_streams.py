"""Streams of events through each front: nothing on the way keeps them, and their end is noticed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from market.prices.symbols import parse_symbols
from tests.events import listening
from tests.gateway.conftest import RunningGateway
from tests.integration.balancers import Balancer, balancer
from tests.integration.front_kinds import OTHERS, require
from tests.integration.live_gateways import LiveGateway
from tests.waiting import until

pytestmark = pytest.mark.integration

FRONTS = (pytest.param("haproxy", marks=pytest.mark.haproxy), *OTHERS)


@asynccontextmanager
async def behind(front: str, **settings: object) -> AsyncIterator[tuple[Balancer, RunningGateway]]:
    """One gateway behind this front."""
    require(front)
    gateway = LiveGateway(symbols=parse_symbols("BTCUSDT,ETHUSDT"), **settings)
    none = {f"TICKGATE_GATEWAY_{number}": "" for number in range(2, 5)}
    async with balancer([gateway], front=front, **none) as its:
        yield its, gateway.running


@pytest.mark.parametrize("front", FRONTS)
async def test_each_event_comes_at_once(front: str) -> None:
    """While the answer goes on; one that comes back resumes; and the gateway hears when a client goes."""
    async with behind(front) as (its, running):
        url = f"{its.url}/v1/stream?symbols=BTC,ETH&conflate=false"
        async with listening(url) as events:
            await events.until(lambda events: events.of("subscribed"))
            for seq in (1, 2, 3):
                await running.publish("BTCUSDT", seq)
                await events.until(lambda events, seq=seq: events.newest("BTCUSDT") == seq)  # type: ignore[misc]
            await events.until(lambda events: events.last_event_id == "BTCUSDT:3")
        await until(lambda: len(running.gateway.hub) == 0)
        for seq in (4, 5):
            await running.publish("BTCUSDT", seq)
        async with listening(url, Last_Event_ID="BTCUSDT:3") as events:
            await events.until(lambda events: events.seqs("BTCUSDT") == [4, 5])
