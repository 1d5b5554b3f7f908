"""Unit costs from real programs."""

from dataclasses import replace

import pytest

from bench.capacity import measuring, shapes
from bench.capacity.checks import check
from bench.measuring.measure import Bench
from bench.system.fronts import STARTS
from tests.bench.capacity.costs import ROUND
from tests.integration.front_kinds import require
from tests.kafka import require_kafka

# Not alone: what is asserted is that every figure is there, not what it is.
pytestmark = pytest.mark.integration


SMALL = replace(shapes.STRAIGHT_CHECKS[0], clients=10, ticks_per_s=400)


@pytest.fixture(autouse=True)
def _small_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """These figures are for nobody."""
    for name in ("STRAIGHT", "FRONTED", "ON_KAFKA"):
        monkeypatch.setattr(shapes, name, (SMALL,))
    monkeypatch.setattr(shapes, "CROWD", replace(shapes.CROWD, clients=50))
    monkeypatch.setattr(shapes, "ARRIVALS", replace(shapes.ARRIVALS, clients=20))
    monkeypatch.setattr(measuring, "_HEARTBEATS_S", 0.5)
    monkeypatch.setattr(measuring, "_FIRST_PINGS_S", 0.1)
    monkeypatch.setattr(measuring, "_WARM_UP_S", 0.3)
    monkeypatch.setattr(measuring, "_poller", lambda _bench: 4.0)


def test_costs_are_measured_and_their_predictions_checked(bench: Bench) -> None:
    """Every figure is there, and a check has each figure that it predicts."""
    said: list[str] = []
    costs = measuring.measure(bench, [], 1.5, {"cpu": "x"}, "2026-11-27", said.append)
    assert costs.gateway.is_known
    assert costs.gateway.us["connect"] > 0
    assert costs.bus("redis").is_known
    assert 150 < costs.bytes_per_tick < 250
    done = list(check(bench, ROUND, [SMALL], 0.5, said.append))
    assert done[0].measured.keys() == {"gateways", "bus", "MB/s", "writes/s"}
    assert done[0].failures == {}
    assert len(said) == 4


@pytest.mark.long("gateway", "market", "poller", "deploy")
@pytest.mark.timeout(900)
def test_each_front_and_kafka_have_costs_of_their_own(bench: Bench) -> None:
    """And what gateways pay to write to a front, or to read from Kafka."""
    require_kafka()
    fronts = list(STARTS)
    for name in fronts:
        require(name)
    said: list[str] = []
    costs = measuring.measure(bench, fronts, 1.5, {"cpu": "x"}, "2026-11-27", said.append, kafka=True)
    for name in fronts:
        assert costs.front(name).is_known, name
        assert costs.front(name).gateway_us.keys() == {"write", "cold", "tick_out", "ping", "connect"}
        assert costs.front(name).us["connect"] > 0, name
    assert costs.bus("kafka").is_known
    assert costs.bus("kafka").gateway_us.keys() == {"process", "read", "wake", "tick_in"}
    assert sum(costs.bus("kafka").us.values()) > 0
