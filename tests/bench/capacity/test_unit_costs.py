"""What a piece of work costs."""

from pathlib import Path

import msgspec
import pytest

from bench.capacity import unit_costs
from bench.capacity.unit_costs import Costs, completed
from tests.bench.capacity.costs import ROUND


def test_they_are_kept_in_a_file(tmp_path: Path) -> None:
    """It has all of them."""
    unit_costs.save(ROUND, tmp_path / "costs.json")
    assert unit_costs.load(tmp_path / "costs.json") == ROUND


def test_a_gateway_costs_something_else_behind_a_front() -> None:
    """Where that was measured; all other costs are the same."""
    front = Costs(us={"write": 1.0}, gateway_us={"write": 2.0})
    costs = msgspec.structs.replace(ROUND, fronts={**ROUND.fronts, "haproxy": front})
    assert costs.gateway_behind("haproxy").us == {**ROUND.gateway.us, "write": 2.0}
    assert costs.gateway_behind("direct").us == ROUND.gateway.us


def test_a_gateway_costs_something_else_on_another_bus() -> None:
    """Where that was measured, and behind a front both hold."""
    front, bus = Costs(gateway_us={"write": 2.0}), Costs(us={"process": 1.0}, gateway_us={"read": 9.0})
    costs = msgspec.structs.replace(
        ROUND, fronts={**ROUND.fronts, "haproxy": front}, buses={**ROUND.buses, "kafka": bus}
    )
    assert costs.gateway_behind("haproxy", "kafka").us == {**ROUND.gateway.us, "write": 2.0, "read": 9.0}
    assert costs.gateway_behind("direct", "sentinel").us == ROUND.gateway.us


def test_what_is_not_measured_again_keeps_its_costs_on_the_same_machine() -> None:
    """On another machine they are unknown."""
    new = msgspec.structs.replace(ROUND, fronts={"straight": Costs(us={"process": 0.0})}, buses={})
    both = completed(new, ROUND)
    assert both.front("haproxy") == ROUND.front("haproxy")
    assert both.bus("sentinel") == ROUND.bus("redis")
    elsewhere = completed(msgspec.structs.replace(new, machine={"cpu": "another"}), ROUND)
    assert "haproxy" not in elsewhere.fronts
    assert not elsewhere.front("nginx").is_known
    assert completed(new, None).fronts.keys() == {"straight", "direct", "nginx", "envoy"}


def test_work_costs_what_its_kinds_cost() -> None:
    """A kind without a cost is free."""
    assert Costs(us={"write": 5.0}).cores({"write": 100_000, "read": 3}) == pytest.approx(0.5)
