"""What many clients take."""

from dataclasses import replace
from typing import Any

import pytest

from bench.capacity import unit_costs
from bench.capacity.answers import render
from bench.capacity.plan import Part, Plan, Question, answer
from tests.bench.capacity.costs import ROUND

QUESTION = Question(clients=10_000, symbols=100, of=100, updates=1, at_once=10)


def ask(**changes: Any) -> Plan:
    """Answer `QUESTION` with some changes."""
    return answer(replace(QUESTION, **changes), ROUND)


def part(plan: Plan, name: str) -> Part:
    """Find a part by the beginning of its name."""
    return next(part for part in plan.parts if part.name.startswith(name))


def test_the_sum_is_what_one_adds_up_by_hand() -> None:
    """100 ticks a second in tens: ten writes a second of ten ticks to each client."""
    plan = ask(clients=1_000)
    per_client = 10 * (5 + 2 / 2) + 100 * 0.1 + 10 / 15
    alone = 1_000 + 10 * 20 + 100 * 2 + 10 * 3
    assert part(plan, "gateways").processes == 1
    assert part(plan, "gateways").cores == pytest.approx((alone + 1_000 * per_client) / 1e6)
    assert part(plan, "front").cores == pytest.approx(1_000 * (10 * 10 + 20 * 0.5 + 20 / 15) / 1e6)
    assert part(plan, "bus").cores == pytest.approx((110 * 4 + 10 * 1) / 1e6)
    assert part(plan, "poller").cores == pytest.approx(100 * 20 / 1e6)
    assert part(plan, "gateways").memory_gb == pytest.approx((50 * 1024 + 1_000 * 8) / 2**20)
    # A write of 2,000 bytes takes two segments.
    assert part(plan, "gateways").out_mbit_s == pytest.approx(1_000 * 10 * (2_000 + 2 * 66) * 8 / 1e6)


@pytest.mark.parametrize("clients", [1, 1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("updates", [0.1, 1, 10])
def test_no_gateway_has_more_than_it_may(clients: int, updates: float) -> None:
    """Neither of a core nor of connections, with any number of clients."""
    plan = ask(clients=clients, updates=updates)
    assert plan.gateway_share <= QUESTION.utilisation
    assert plan.clients_per_gateway <= QUESTION.clients_per_gateway


def test_a_gateway_less_would_be_too_few() -> None:
    """No more than needed are asked for."""
    plan = ask(clients=1_000_000)
    gateways = part(plan, "gateways").processes
    assert plan.gateway_share * gateways / (gateways - 1) > 0.99 * QUESTION.utilisation


def test_conflation_batches_and_fewer_symbols_take_less() -> None:
    """Each saves gateways, or bus."""
    whole = part(ask(clients=100_000, updates=10), "gateways").processes
    assert part(ask(clients=100_000, updates=10, max_hz=1), "gateways").processes < whole
    assert part(ask(clients=100_000, updates=10, at_once=100), "gateways").processes < whole
    batched, single = part(ask(clients=100_000), "bus"), part(ask(clients=100_000, batched=False), "bus")
    assert (batched.cores or 0) < (single.cores or 0)


def test_a_bus_that_one_core_cannot_carry_is_told() -> None:
    """The remark says what helps; a cluster has as many nodes as it needs."""
    plan = ask(clients=1_000_000, updates=20, batched=False)
    assert any("valkey-cluster" in remark for remark in plan.remarks)
    cluster = ask(clients=1_000_000, updates=20, batched=False, bus="valkey-cluster", partitions=64)
    assert 3 < part(cluster, "bus").processes <= 64
    few = ask(clients=1_000_000, updates=20, batched=False, bus="valkey-cluster", partitions=2)
    assert any("need as many partitions" in remark for remark in few.remarks)


def test_what_was_not_measured_is_not_guessed() -> None:
    """Files and network are known all the same."""
    plan = ask(bus="kafka", front="nginx")
    assert (part(plan, "bus").cores, part(plan, "front").cores) == (None, None)
    assert part(plan, "front").files == 20_064
    assert len([remark for remark in plan.remarks if "not measured" in remark]) == 2
    assert "?" in render(QUESTION, plan, ROUND)


def test_without_a_front_there_is_none() -> None:
    """Clients reach the gateways."""
    assert [part.name for part in ask(front="direct").parts] == ["poller", "bus (redis)", "gateways"]


def test_a_feed_that_fills_a_gateway_is_told() -> None:
    """More gateways cannot help."""
    assert any("feed alone" in remark for remark in ask(updates=1_000, at_once=1).remarks)


def test_the_costs_kept_here_can_be_read() -> None:
    """They name their machine, and every front and bus that can be asked for."""
    kept = unit_costs.load()
    assert kept.machine["cpu"]
    assert {"haproxy", "nginx", "envoy", "direct"} <= kept.fronts.keys()
    assert {"redis", "sentinel", "valkey-cluster", "kafka"} <= kept.buses.keys()
    for costs in (*kept.fronts.values(), *kept.buses.values(), kept.gateway):
        assert bool(costs.us) == bool(costs.measured_by)
