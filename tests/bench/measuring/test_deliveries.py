"""What is counted of deliveries, and what spoils it."""

import dataclasses
from typing import Any

import pytest

from bench.host.machine import Cores, CoreTime
from bench.host.usage import Usage
from bench.measuring.deliveries import compare, enter, judge
from bench.result import Result
from bench.scenarios import ALL, Scenario

BURSTS = ALL[0]
SENT, LAGS = "tickgate_ticks_sent_total", "tickgate_lags_total"


def used(cpu_s: float = 1.0, front_cpu_s: float = 0.0, load_core_s: float = 4.0) -> Usage:
    """Of ten seconds."""
    return Usage(10, cpu_s, 500, load_core_s, CoreTime(cpu_s, 0.0), CoreTime(load_core_s, 0.0), front_cpu_s)


def got(**changes: Any) -> dict[str, Any]:
    """A million ticks of 200 bytes."""
    ages = {"p50": 1.0, "p99": 3.0, "max": 9.0}
    answer = {"ticks": 10**6, "bytes": 2 * 10**8, "pongs": 50, "cpu_s": 2.0, "unread_bytes": 0, "failures": {}}
    return {**answer, "age_ms": ages, **changes}


def result() -> Result:
    """Make a result with nothing in it yet."""
    return Result(scenario="bursts", contender="gateway", round=1)


def test_what_came_is_a_rate_a_price_and_an_age() -> None:
    """Each tick costs its share of the CPU; without HAProxy nobody has a part in that."""
    done = result()
    enter(done, BURSTS, got(), used())
    assert (done.ticks_per_s, done.mb_per_s, done.bytes_per_tick, done.writes_per_s) == (100_000, 20, 200, 50)
    assert (done.cpu_us_per_tick, done.p99_ms, done.pongs_per_s) == (1, 3, 5)
    assert (done.gateway_us_per_tick, done.front_us_per_tick) == (None, None)


def test_behind_haproxy_a_tick_costs_what_both_use() -> None:
    """The parts add up to the whole."""
    done = result()
    enter(done, BURSTS, got(), used(1.0, 0.75))
    assert (done.cpu_us_per_tick, done.gateway_us_per_tick, done.front_us_per_tick) == (1, 0.25, 0.75)


def test_no_tick_has_no_price() -> None:
    """Nothing is divided by zero."""
    done = result()
    enter(done, BURSTS, got(ticks=0, bytes=0, age_ms={}), used())
    assert (done.cpu_us_per_tick, done.p99_ms) == (None, None)


@pytest.mark.parametrize(
    ("answer", "usage", "notes", "faults"),
    [
        (got(), used(), [], []),
        (got(failures={"ECONNRESET": 2}), used(), [], ["clients failed: {'ECONNRESET': 2}"]),
        (got(unread_bytes=10**7), used(), ["the clients had 500 ms of bytes unread"], []),
        (got(), used(9.8), ["the server's core was full"], []),
        (got(), used(9.8, 9.0), ["the server's core was full"], []),
        (got(), used(load_core_s=9.9), ["THE LOAD SIDE WAS THE LIMIT: its core was full, the clients had 20%"], []),
    ],
)
def test_what_limits_the_figures_is_said(
    answer: dict[str, Any], usage: Usage, notes: list[str], faults: list[str]
) -> None:
    """A full core, on either side, and clients that are behind; clients that failed are the server's fault."""
    done = result()
    done.mb_per_s = 20
    judge(done, BURSTS, answer, usage, Cores(0, 1))
    assert (done.notes, done.faults) == (notes, faults)


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        ({SENT: 5e5, LAGS: 0}, {SENT: 1.5e6, LAGS: 0}, []),
        ({SENT: 0}, {SENT: 2e6}, ["the server claims 2000000 ticks, 1000000 came"]),
        ({SENT: 0, LAGS: 3}, {SENT: 1e6, LAGS: 4}, ["the server took clients for slow ones 4 times"]),
        ({}, {}, []),
    ],
)
def test_a_gateway_s_own_samples_are_held_against_what_came(
    before: dict[str, float], after: dict[str, float], notes: list[str]
) -> None:
    """It sent what the clients counted, and took none of them, who all read in time, for slow."""
    done = result()
    compare(done, BURSTS, 10**6, before, after)
    assert done.notes == notes


def test_who_is_slow_may_be_taken_for_it() -> None:
    """Where clients stall on purpose the gateway is right."""
    done, slow = result(), dataclasses.replace(BURSTS, kind="slow")
    assert isinstance(slow, Scenario)
    compare(done, slow, 10**6, {SENT: 0}, {SENT: 1e6, LAGS: 100})
    assert done.notes == []
