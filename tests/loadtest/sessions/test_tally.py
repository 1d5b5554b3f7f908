"""Tests of `loadtest.sessions._tally`."""

from loadtest.sessions._checks import TickError
from loadtest.sessions._tally import Tally


def test_taking_starts_anew_and_keeps_the_object() -> None:
    """What was counted comes out once, and whoever holds the tally's maps goes on counting in them."""
    tally = Tally()
    latencies = tally.latencies_ms
    latencies[3] += 2
    tally.faults[TickError.SKIPPED] += 1
    tally.received_bytes += 10
    tally.untimed, tally.conflated = 5, 6
    taken = tally.take()
    latencies[4] += 1
    assert ({3: 2}, {TickError.SKIPPED: 1}, 10) == (taken.latencies_ms, taken.faults, taken.received_bytes)
    assert (5, 6, 0, 0) == (taken.untimed, taken.conflated, tally.untimed, tally.conflated)
    assert ({4: 1}, {}, 0) == (tally.latencies_ms, tally.faults, tally.received_bytes)
