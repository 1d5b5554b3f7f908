"""Sources by feed."""

import logging
import random
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.ports import free_port
from market.prices.symbols import Symbols
from poller.coverage.source import StreamSource
from poller.opening import open_source
from poller.settings import PollerSettings
from poller.source import Source
from poller.venues.auto import Auto
from poller.venues.binance.rest_source import BinanceRest
from poller.venues.registry import VENUES
from poller.venues.replay import Replay
from poller.venues.simulated import Simulated


async def opened(**settings: Any) -> Source:
    """The source of these settings."""

    async def room() -> None:
        pass

    return await open_source(
        PollerSettings(**settings),
        now_us=lambda: 5,
        rng=random.Random(1),
        room=room,
    )


@pytest.mark.parametrize(
    ("feed", "kind", "name"),
    [
        ("binance-ws", StreamSource, "binance-ws"),
        ("binance-rest", BinanceRest, "binance-rest"),
        ("simulated", Simulated, "simulated"),
        ("replay", Replay, "replay"),
    ],
)
async def test_each_feed_has_its_source(feed: str, kind: type, name: str) -> None:
    """A named feed is opened without a probe."""
    source = await opened(feed=feed, replay_path=Path("x"))
    assert isinstance(source, kind)
    assert name == source.state.source


async def test_auto_with_binance() -> None:
    """If Binance answers, auto is its stream."""
    app = web.Application()

    async def ping(_: web.Request) -> web.Response:
        return web.json_response({})

    app.router.add_get("/api/v3/ping", ping)
    async with TestServer(app) as exchange:
        source = await opened(feed="auto", rest_url=(str(exchange.make_url("")),))
    assert isinstance(source, StreamSource)


async def test_auto_without_binance(caplog: pytest.LogCaptureFixture) -> None:
    """If it does not answer, auto simulates, and log and heartbeats say so."""
    url = f"http://127.0.0.1:{free_port()}"
    source = await opened(feed="auto", rest_url=(url,))
    assert isinstance(source, Auto)
    notice = f"{url} cannot be reached, so these prices are simulated"
    assert ("simulated", "up", notice) == (source.state.source, source.state.link, source.state.reason)
    assert notice in caplog.text
    assert [logging.WARNING] == [record.levelno for record in caplog.records]


async def test_another_venue_has_its_own_feeds() -> None:
    """Another venue's auto is its streams if it answers, else simulated."""
    app = web.Application()

    async def time(_: web.Request) -> web.Response:
        return web.json_response({})

    app.router.add_get("/time", time)
    symbols = VENUES["coinbase"].symbols
    async with TestServer(app) as exchange:
        url = str(exchange.make_url(""))
        for feed in ("coinbase-ws", "auto"):
            source = await opened(venue=VENUES["coinbase"], symbols=Symbols(symbols), feed=feed, rest_url=(url,))
            assert "coinbase-ws" == source.state.source
    source = await opened(venue=VENUES["coinbase"], symbols=Symbols(symbols), feed="simulated")
    assert symbols == tuple(await source.instruments())
