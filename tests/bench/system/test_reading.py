"""What the parts of a system used between two moments."""

from bench.host.machine import Cores
from bench.system.reading import Reading, between, read


def test_a_window_has_what_each_part_used_and_what_others_had() -> None:
    """The load is no part of the system; what none of ours used of the cores is others'."""
    nothing = {"bus": 1.0, "gateways": 1.0, "front": 1.0, "load": 1.0}
    before = Reading(at=10.0, cpu_s=nothing, writes=5, busy_s=100.0)
    used = {"bus": 1.1, "gateways": 2.0, "front": 1.5, "load": 1.9}
    window = between(before, Reading(at=12.0, cpu_s=used, writes=25, busy_s=103.0))
    assert (window.seconds, window.writes) == (2.0, 20)
    assert round(window.system_cpu_s, 6) == 1.6
    assert round(window.others_share, 6) == 0.25


def test_a_part_without_processes_has_used_nothing() -> None:
    """A system without a front is read as any other."""
    reading = read({"bus": [], "load": []}, Cores(0, 0))
    assert reading.cpu_s == {"bus": 0, "gateways": 0, "front": 0, "load": 0}
