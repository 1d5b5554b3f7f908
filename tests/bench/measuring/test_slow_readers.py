"""Slow readers against a real gateway."""

from pathlib import Path

import pytest

from bench.measuring.slow_readers import READ_RATES, Reading, render
from bench.servers.front import find
from tests.bench.conftest import Run


def test_a_row_says_what_was_seen() -> None:
    """Ages in the unit that fits, the stall's bytes, and how the connection ended."""
    stalled = Reading(
        tree="abc",
        front="haproxy",
        name="stalls for 15 s",
        kb_per_s=26.4,
        p50_s=0.0484,
        max_s=12.34,
        end="closed with 4408",
        end_s=18.04,
        older_bytes=2048,
        older_ticks=10,
        receive_buffer_bytes=1024,
        current_s=0.043,
    )
    assert render([stalled], trees=True).splitlines()[2] == (
        "| abc | haproxy | stalls for 15 s | 26 | 48 ms | 12.3 s"
        " | 2 KB (10 ticks), 1 KB its own; current after 43 ms | closed with 4408 after 18.0 s |"
    )


@pytest.mark.integration
@pytest.mark.parametrize("front", ["straight", "haproxy"])
def test_every_reader_is_measured_before_every_front(front: str, run_copy: Run, tmp_path: Path) -> None:
    """A table with a row of each, and JSON; who reads as fast as it comes has prices that are current."""
    if front == "haproxy" and find() is None:
        pytest.skip("HAProxy is not installed (Debian: apt-get install haproxy)")
    bench = run_copy("--slow-readers", "--seconds", "2", "--front", front)
    assert (bench.returncode, bench.stderr) == (0, "")
    rows = [line for line in bench.stdout.splitlines() if line.startswith(f"| {front} |")]
    assert [row.split(" | ")[1] for row in rows] == [rate.name for rate in READ_RATES]
    assert " ms | " in rows[0]
    assert len(list((tmp_path / "bench" / "results").glob("*-slow-readers.json"))) == 1
