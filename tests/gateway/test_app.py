"""The application as a whole: it starts, it stops, and it leaves nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.admission.probes import ANSWERS
from gateway.app import app_factory, create_app, drain
from gateway.auth.settings import AuthSettings
from gateway.fanout.cohorts.member import Subscription
from gateway.gateway import Gateway
from gateway.http.routes import GATEWAY
from gateway.settings import Settings
from market.bus.memory import MemoryBus
from market.settings.environ import SettingError
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
    assert not running.gateway.has_room()
    with pytest.raises(InvalidStatus, match="503"):
        await connect(running.url)


class Leaver(RecordingMember):
    """Heeds `Shutdown`: it is gone when it was told to be elsewhere."""

    def __init__(self, gateway: Any) -> None:
        """``gateway`` takes it for the connection that a drain needs."""
        super().__init__()
        self._gateway = gateway
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


def test_in_a_drain_newcomers_leave_last() -> None:
    """Who holds nothing yet has the most time for its first prices."""

    async def main() -> None:
        gateway = Gateway(Settings(bus_url="memory://", drain_seconds=60), MemoryBus())
        newcomers = [Leaver(gateway) for _ in range(4)]
        holders = [Leaver(gateway) for _ in range(4)]
        for holder in holders:
            gateway.hub.move(holder, (Subscription(frozenset({"BTCUSDT"})),))
        await gateway.drain()
        told_ms = [sorted(one.messages()[-1]["reconnect_after_ms"] for one in each) for each in (holders, newcomers)]
        assert [[0, 3750, 7500, 11250], [15000, 18750, 22500, 26250]] == told_ms

    run_virtual(main())


def drain_s(*asked_at: float, told_at: Sequence[float] = (), settings: dict[str, Any] | None = None) -> float:
    """How long a drain of 60 s takes, without clients: a balancer was told 200 at ``asked_at``, and 404 at ``told_at``.

    All times are from the beginning of the drain.
    """

    async def main() -> float:
        loop = asyncio.get_running_loop()
        told: dict[str, Any] = {"bus_url": "memory://", "drain_seconds": 60} | (settings or {})
        gateway = Gateway(Settings(**told), MemoryBus())
        await asyncio.sleep(100)
        began = loop.time()
        for at in asked_at:
            gateway.probes.answered("10.0.0.1", 200, began + at)
        for at in told_at:
            loop.call_at(began + at, gateway.probes.answered, "10.0.0.1", 404, began + at)
        await gateway.drain()
        return loop.time() - began

    return run_virtual(main())


def test_a_drain_without_clients_lasts_until_the_balancer_knows() -> None:
    """Three times it is told; a balancer that does not ask again has a third of the time; without one it is over."""
    assert 0.75 == pytest.approx(drain_s(-0.6, -0.2, told_at=(0.1, 0.5, 0.75)), abs=0.06)
    assert 20 == pytest.approx(drain_s(-0.6, -0.2, told_at=(0.1, 0.5)))
    assert 0 == drain_s()
    # Somebody that asked once, or long ago.
    assert 0 == drain_s(-0.2)
    assert 0 == drain_s(-90.4, -90)
    # Who wants no drain has none.
    assert 0 == drain_s(-0.6, -0.2, settings={"drain_seconds": 0})


@pytest.mark.parametrize("arriving_s", [0, 5, 100])
def test_a_drain_with_a_successor_waits_for_who_was_accepted(arriving_s: float) -> None:
    """No balancer needs to know. Connections that were accepted may still come in, for a third of the time at most."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        gateway = Gateway(Settings(bus_url="memory://", drain_seconds=60), MemoryBus())
        gateway.succeeded = True
        began = loop.time()
        gateway.arriving = lambda: loop.time() < began + arriving_s
        for at in (-0.4, -0.2):
            gateway.probes.answered("10.0.0.1", 200, at)
        draining = asyncio.create_task(gateway.drain())
        await asyncio.sleep(min(arriving_s / 2, 10))
        assert gateway.has_room() or draining.done()
        await draining
        assert not gateway.has_room()
        assert {0: 0, 5: 5, 100: 21}[int(arriving_s)] == pytest.approx(loop.time() - began, abs=0.06)

    run_virtual(main())


async def test_while_the_balancer_does_not_know_newcomers_are_served(start: Start) -> None:
    """Then they hear `shutdown` like everybody; who comes after that is refused."""
    running = await start(drain_seconds=60)
    await running.publish("BTCUSDT", 1)
    async with aiohttp.ClientSession() as http:

        async def ready() -> tuple[int, str | None]:
            async with http.get(running.http_url + "readyz") as answer:
                return answer.status, answer.headers.get("Connection")

        assert [(200, None)] * 2 == [await ready() for _ in range(2)]
        draining = asyncio.create_task(drain(running.app))
        told = []
        for _ in range(ANSWERS):
            async with connected(running.url) as client:
                await client.subscribe("BTC")
                await client.until(lambda client: bool(client.prices["BTCUSDT"]))
            told.append(await ready())
        # No connection is kept for a later request.
        assert [(404, "close")] * ANSWERS == told
    async with asyncio.timeout(10):
        await draining
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
