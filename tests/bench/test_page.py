"""What is read from a browser's trace."""

from typing import Any

import pytest

from bench.page import line, work

MAIN, OTHER = {"pid": 1, "tid": 1}, {"pid": 1, "tid": 2}


def task(ms: float, cpu_ms: float, thread: dict[str, int]) -> dict[str, Any]:
    """A task of a thread."""
    name = "ThreadControllerImpl::RunTask"
    return {"name": name, "ph": "X", "dur": ms * 1000, "tdur": cpu_ms * 1000, **thread}


def test_the_busiest_main_thread_is_the_pages() -> None:
    """Its CPU time and its tasks count, and those of other threads and pages do not."""
    named = [{"name": "thread_name", "args": {"name": "CrRendererMain"}, "pid": pid, "tid": 1} for pid in (1, 9)]
    events: list[dict[str, Any]] = [
        *named,
        *(task(10, 8, MAIN) for _ in range(100)),
        task(50, 20, MAIN),
        task(3000, 3000, OTHER),
        task(30, 30, {"pid": 9, "tid": 1}),
        {"name": "Layout", "ph": "X", "dur": 2000, **MAIN},
        {"name": "Layout", "ph": "X", "dur": 3000, **MAIN},
        {"name": "Layout", "ph": "X", "dur": 9000, **OTHER},
    ]
    its = work(events, 10, 59.5)
    assert (0.82, 1.05, 50) == (round(its.busy_s, 3), round(its.taken_s, 3), its.longest_ms)
    assert {"Layout": 0.005} == its.kinds
    assert line("laptop", its).startswith("| laptop | 59.5 | 8.2% | 10.5% | 50.0 | ")


def test_a_trace_without_a_page_is_no_measurement() -> None:
    """It says so, in place of nought."""
    with pytest.raises(ValueError, match="no main thread"):
        work([task(1, 1, MAIN)], 1, 60)
