"""The application as a whole: it starts, it stops, and it leaves nothing."""

import asyncio

import pytest
from aiohttp import web

from gateway.app import app_factory, create_app, drain
from gateway.http import GATEWAY
from gateway.settings import Settings
from tests.client import connected
from tests.gateway.conftest import Start


async def test_stopping_the_application_closes_clients_with_1012(start: Start) -> None:
    """Even without a drain, whoever is connected hears that the gateway is going away."""
    running = await start()
    async with connected(running.url) as client:
        await running.server.close()
        assert 1012 == await client.until_closed()


async def test_after_a_drain_nobody_is_let_in(start: Start) -> None:
    """A drained gateway still answers HTTP, unready, and refuses new clients."""
    running = await start(drain_seconds=0)
    await drain(running.server.app)
    assert running.gateway.draining
    assert not running.gateway.has_room


async def test_a_stopped_application_leaves_no_task() -> None:
    """Feed, heartbeat and every closing handshake end with the application."""
    before = asyncio.all_tasks()
    runner = web.AppRunner(create_app(Settings(bus_url="memory://")))
    await runner.setup()
    assert before != asyncio.all_tasks()
    async with asyncio.timeout(10):
        await runner.cleanup()
    assert before == asyncio.all_tasks()


async def test_the_factory_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What gunicorn calls takes its settings from the environment."""
    monkeypatch.setenv("BUS_URL", "memory://")
    monkeypatch.setenv("SYMBOLS", "XRPUSDT")
    runner = web.AppRunner(await app_factory())
    await runner.setup()
    assert ("XRPUSDT",) == runner.app[GATEWAY].settings.symbols.names
    await runner.cleanup()
