"""Unit costs from real programs."""

from dataclasses import replace

import pytest

from bench.capacity import measuring, shapes
from bench.capacity.checks import check
from bench.measure import Bench
from tests.bench.capacity.costs import ROUND

# Not alone: what is asserted is that every figure is there, not what it is.
pytestmark = pytest.mark.integration


def test_costs_are_measured_and_their_predictions_checked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With small loads: every figure is there, and a check has each figure that it predicts."""
    small = replace(shapes.CHECKS[0], clients=10, ticks_per_s=400)
    monkeypatch.setattr(shapes, "STRAIGHT", (small,))
    monkeypatch.setattr(shapes, "CROWD", replace(shapes.CROWD, clients=50))
    monkeypatch.setattr(shapes, "ARRIVALS", replace(shapes.ARRIVALS, clients=20))
    monkeypatch.setattr(measuring, "_HEARTBEATS_S", 0.5)
    monkeypatch.setattr(measuring, "_FIRST_PINGS_S", 0.1)
    monkeypatch.setattr(measuring, "_WARM_UP_S", 0.3)
    monkeypatch.setattr(measuring, "_poller", lambda _bench: 4.0)
    said: list[str] = []
    costs = measuring.measure(bench, [], 1.5, {"cpu": "x"}, "2026-11-27", said.append)
    assert costs.gateway.is_known
    assert costs.gateway.us["connect"] > 0
    assert costs.bus("redis").is_known
    assert 150 < costs.bytes_per_tick < 250
    done = list(check(bench, ROUND, [small], 0.5, said.append))
    assert done[0].measured.keys() == {"gateways", "bus", "MB/s", "writes/s"}
    assert done[0].failures == {}
    assert len(said) == 4
