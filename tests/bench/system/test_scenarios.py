"""A whole system, with real programs."""

import pytest

from bench.measuring.measure import Bench
from bench.scenarios import Kind, Scenario
from bench.servers import front
from bench.servers.contenders import ALL as CONTENDERS
from bench.system import scenarios

# Not alone: what is asserted is that each part is counted, not what it costs.
pytestmark = pytest.mark.integration

HAPROXY = pytest.mark.skipif(front.find() is None, reason="HAProxy is not installed (Debian: apt-get install haproxy)")


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        pytest.param(
            "system",
            "haproxy",
            marks=pytest.mark.skipif(front.find() is None, reason="no HAProxy: apt install haproxy"),
        ),
        ("crowd", "straight"),
    ],
)
def test_every_part_of_a_system_is_measured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: Kind, before: str
) -> None:
    """Two gateways' clients get all ticks; bus, gateways and front each have their part of the CPU time."""
    monkeypatch.setattr(scenarios, "_FIRST_PINGS_S", 0.1)
    monkeypatch.setattr(scenarios, "_WARM_UP_S", 0.3)
    scenario = Scenario(
        name="tiny", about="", kind=kind, clients=8, each=10, ticks_per_s=500, burst=100, gateways=2, front=before
    )
    result = bench.run(scenario, CONTENDERS["gateway"], 1, 0.8, None)
    assert result.faults == []
    assert result.ticks_per_s == pytest.approx(400, rel=0.5)
    parts = (result.bus_us_per_tick, result.gateway_us_per_tick, result.front_us_per_tick)
    assert sum(part or 0 for part in parts) == pytest.approx(result.cpu_us_per_tick)
    assert bool(result.front_us_per_tick) == (kind == "system")
    assert (result.heartbeat_share is not None) == (kind == "crowd")
