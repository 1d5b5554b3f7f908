"""Predictions beside measurements."""

import msgspec
import pytest

from bench.capacity import checks, shapes
from bench.capacity.checks import compare, render
from bench.capacity.unit_costs import Costs
from bench.capacity.work import of
from bench.system.reading import Window
from tests.bench.capacity.costs import ROUND

WINDOW = Window(
    seconds=2,
    cpu_s={"gateways": 0.5, "bus": 0.02, "front": 0.4, "load": 1.0},
    writes=100,
    others_share=0.3,
    bytes=2_000_000,
    failures={"closed by the server": 2},
)


def test_an_error_is_what_was_predicted_too_much() -> None:
    """As a share of what was measured."""
    done = compare(ROUND, checks.behind(["haproxy"])[-1], WINDOW)
    assert done.measured["gateways"] == 0.25
    assert done.error("gateways") == pytest.approx(done.predicted["gateways"] / 0.25 - 1)
    text = render([done])
    assert "DISTURBED, others had 30%" in text
    assert "FAILED {'closed by the server': 2}" in text


def test_a_load_without_a_front_predicts_none() -> None:
    """Its columns are empty."""
    done = compare(ROUND, shapes.STRAIGHT_CHECKS[0], WINDOW)
    assert "front" not in done.predicted
    assert checks.rows([done])[1][4:6] == ["–", "–"]


def test_a_load_on_kafka_is_predicted_with_the_costs_of_kafka() -> None:
    """Those of the broker, and of gateways that read from it; the row says so."""
    bus = Costs(us={"process": 100_000.0}, gateway_us={"process": 50_000.0})
    costs = msgspec.structs.replace(ROUND, buses={**ROUND.buses, "kafka": bus})
    shape = shapes.KAFKA_CHECKS[0]
    done = compare(costs, shape, WINDOW, "kafka")
    assert done.predicted["bus"] == pytest.approx(0.1)
    more = done.predicted["gateways"] - compare(costs, shape, WINDOW).predicted["gateways"]
    assert more == pytest.approx(0.05 - ROUND.gateway.us["process"] / 1e6)
    assert checks.rows([done])[1][1] == "straight, kafka"
    assert {of(shape) for shape in shapes.KAFKA_CHECKS}.isdisjoint(map(of, shapes.ON_KAFKA))


def test_what_checks_is_not_what_costs_are_made_of() -> None:
    """At least six loads, none of them among the measured ones but for those that say so."""
    measured = {of(shape) for shape in (*shapes.STRAIGHT, *shapes.FRONTED)}
    assert len(shapes.STRAIGHT_CHECKS) >= 6
    loads = checks.behind(["haproxy"])
    again = [shape for shape in loads if shape.name.startswith("again: ")]
    assert [of(shape) in measured for shape in again] == [True] * 3
    assert measured.isdisjoint(of(shape) for shape in loads if shape not in again)


def test_each_front_whose_costs_are_known_is_checked() -> None:
    """With the same loads; those without a front are always there."""
    assert {shape.front for shape in checks.behind([])} == {"straight"}
    found = [(shape.front, of(shape)) for shape in checks.behind(["nginx", "envoy"]) if shape.front != "straight"]
    assert found == [(name, of(shape)) for name in ("nginx", "envoy") for shape in shapes.FRONTED_CHECKS]
