"""Who used the cores."""

import os

import pytest

from bench.host.machine import Cores, CoreTime
from bench.host.usage import Usage, note_others, read
from bench.result import Result


def used(server_core_s: float, load_core_s: float) -> Usage:
    """Ten seconds in which the server had 5 s of its core, and the rest of the bench 4 s of the other."""
    return Usage(10, 5, 0, 4, CoreTime(server_core_s, 0.0), CoreTime(load_core_s, 0.0))


@pytest.mark.parametrize(
    ("usage", "disturbance", "notes"),
    [
        (used(5, 4.5), 0.05, []),
        (used(7, 4), 0.2, ["DISTURBED: others had 20% of the server's core, 0% of the other"]),
        (used(5, 7), 0.3, ["DISTURBED: others had 0% of the server's core, 30% of the other"]),
    ],
)
def test_what_others_had_of_either_core_is_noted(usage: Usage, disturbance: float, notes: list[str]) -> None:
    """The worse of the two counts."""
    result = Result(scenario="tiny", contender="gateway", round=1)
    note_others(result, usage, Cores(0, 1))
    assert result.disturbance == pytest.approx(disturbance)
    assert result.notes == notes


def test_who_disturbs_whom_on_a_single_core_is_not_known() -> None:
    """Server and load are each other's neighbours there, and that is said elsewhere."""
    result = Result(scenario="tiny", contender="gateway", round=1)
    note_others(result, used(9, 9), Cores(0, 0))
    assert (result.disturbance, result.notes) == (0, [])


def test_what_stands_in_front_is_counted_in_and_told_apart() -> None:
    """A server and what stands before it share a core; neither is one of the others there."""
    cores, us = Cores(0, 0), os.getpid()
    alone, together = read(us, (), cores), read(us, (), cores, front=us)
    assert alone.front_cpu_s == 0
    assert together.front_cpu_s >= alone.cpu_s > 0
    assert together.cpu_s >= together.front_cpu_s + alone.cpu_s
    assert together.since(together).front_cpu_s == 0
