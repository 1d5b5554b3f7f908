"""The application as a whole: it starts, it stops, and it leaves nothing."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.app import app_factory, create_app, drain
from gateway.auth.settings import AuthSettings
from gateway.gateway import Gateway
from gateway.http import GATEWAY
from gateway.settings import Settings
from market.bus.memory import MemoryBus
from market.environ import SettingError
from tests.client import connected
from tests.fakes import RecordingMember, run_virtual
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


class Leaver(RecordingMember):
    """Heeds `Shutdown`: it is gone when it was told to be elsewhere."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway: Any = gateway
        self._gateway.add(self)

    def reply(self, frames: bytes) -> None:
        super().reply(frames)
        after_s = self.messages()[-1]["reconnect_after_ms"] / 1000
        asyncio.get_running_loop().call_later(after_s, self._gateway.remove, self)


def test_a_drain_ends_when_everybody_has_left() -> None:
    """A third of the time is the balancer's, then clients leave over half of it, evenly; nobody waits for the rest."""

    async def main() -> None:
        gateway = Gateway(Settings(bus_url="memory://", drain_seconds=60), MemoryBus())
        leavers = [Leaver(gateway) for _ in range(4)]
        began = asyncio.get_running_loop().time()
        await gateway.drain()
        told_ms = sorted(leaver.messages()[-1]["reconnect_after_ms"] for leaver in leavers)
        assert [0, 7500, 15000, 22500] == told_ms
        assert 42.5 == pytest.approx(asyncio.get_running_loop().time() - began)

    run_virtual(main())


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
