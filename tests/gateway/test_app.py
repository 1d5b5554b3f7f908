"""The application as a whole: it starts, it stops, and it leaves nothing."""

import asyncio

import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.app import app_factory, create_app, drain
from gateway.auth.settings import AuthSettings
from gateway.http import GATEWAY
from gateway.settings import Settings
from market.environ import SettingError
from tests.client import connected
from tests.gateway.conftest import Start


async def test_stopping_the_application_closes_clients_with_1012(start: Start) -> None:
    """Even without a drain, whoever is connected hears that the gateway is going away."""
    running = await start()
    async with connected(running.url) as client:
        await running.close()
        assert 1012 == await client.until_closed()


async def test_after_a_drain_nobody_is_let_in(start: Start) -> None:
    """A drained gateway still answers HTTP, unready, and refuses new clients."""
    running = await start(drain_seconds=0)
    await drain(running.app)
    assert running.gateway.draining
    assert not running.gateway.has_room
    with pytest.raises(InvalidStatus, match="503"):
        await connect(running.url)


async def test_keys_are_read_at_the_start() -> None:
    """A gateway that could check no token does not start, and says which settings would help."""
    runner = web.AppRunner(create_app(Settings(bus_url="memory://", auth=AuthSettings(mode="jwt"))))
    with pytest.raises(SettingError, match=r"^AUTH_MODE jwt needs exactly one of JWT_SECRET, [^\n]*$"):
        await runner.setup()
    await runner.cleanup()


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
