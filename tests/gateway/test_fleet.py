"""What a gateway says of itself, and knows of the deployment's other processes."""

from typing import Any

import pytest

from gateway.fleet import Fleet
from gateway.http.operators import FLEET
from market.bus import BusDownError
from market.wire.presence import encode_present
from tests.client import connected
from tests.gateway.conftest import RunningGateway, Start
from tests.market.samples import gateway_present, poller_present


class CountedPresence:
    """Knows of others, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    async def present(self) -> dict[str, bytes]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        others = (gateway_present(name="other"), poller_present(name="poller"))
        return {its.name: encode_present(its) for its in others} | {"rubbish": b"x"}


def watched(running: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> tuple[Fleet, CountedPresence]:
    """The fleet of a gateway, whose bus is asked for others."""
    presence = CountedPresence()
    monkeypatch.setattr(running.gateway.bus, "present", presence.present)
    fleet = running.app[FLEET]
    fleet._read_at = float("-inf")
    return fleet, presence


def names(report: dict[str, Any]) -> list[str]:
    """The processes in a report."""
    return [process["name"] for process in report["processes"]]


async def test_it_says_how_it_is(start: Start) -> None:
    """Its clients, its venues and its state are on the bus for the others, under the name that its clients are told."""
    running = await start()
    async with connected(running.url) as client:
        await running.heartbeat()
        assert [running.gateway.name] == list(await running.gateway.bus.presence.present())
        report = await running.app[FLEET].report()
        [own] = report["processes"]
        assert ("gateway", "serving", 1, 0) == (own["role"], own["state"], own["clients"], own["slow"])
        assert (["binance"], []) == (own["venues"], own["stale"])
        assert f"127.0.0.1:{running.gateway.settings.port}" == own["address"]
        [welcome] = [message for message in client.messages if message["type"] == "welcome"]
        assert running.gateway.name == report["asked"] == own["name"] == welcome["gateway"]
        running.gateway.draining = True
        assert "draining" == (await running.app[FLEET].report())["processes"][0]["state"]
        running.gateway.draining = False


async def test_the_bus_is_asked_once_a_second_at_most(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many operators ask; and what the gateway knows of itself is always of now."""
    running = await start()
    fleet, presence = watched(running, monkeypatch)
    for _ in range(20):
        assert ["other", "poller", running.gateway.name] == names(await fleet.report())
    assert 1 == presence.asked
    fleet._read_at -= 1
    await fleet.report()
    assert 2 == presence.asked


async def test_without_a_bus_it_shows_itself_and_says_why(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was known of the others is not shown any more: it may be wrong by now."""
    running = await start()
    fleet, presence = watched(running, monkeypatch)
    presence.error = BusDownError("no answer in time")
    report = await fleet.report()
    assert [running.gateway.name] == names(report)
    assert "only this gateway is shown: no answer in time" == report["problem"]
