"""A process holds what it held before, or is found out."""

from typing import Any

import pytest

from tests.soak.reading import Reading
from tests.soak.verdict import COUNTS, MAY_GROW_BYTES, differences, growth, leaks, most, rate


def reading(**fields: Any) -> Reading:
    """A calm gateway, but for ``fields``."""
    usual = {"pid": 1, "rss_bytes": 60 * 2**20, "cpu_s": 1.0, "files": 19, "bus_links": 2, "memory_blocks": 200_000}
    return Reading(**{**usual, "connections": 5, "cohorts": 5, "tasks": 7, **fields})


def test_what_is_as_it_was_is_not_complained_of() -> None:
    """Memory, CPU and links to the bus may differ from one calm moment to the next."""
    now = reading(rss_bytes=1, cpu_s=9, bus_links=4, memory_blocks=1)
    assert [] == differences(reading(), now, most_bus_links=4)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("by", [-1, 1])
def test_every_count_must_be_exactly_what_it_was(count: str, by: int) -> None:
    """One connection, cohort, laggard, task or file too many is named, and so is one too few."""
    before = reading(slow_consumers=1)
    now = reading(**{"slow_consumers": 1, count: getattr(before, count) + by})
    (complaint,) = differences(before, now, most_bus_links=4)
    assert complaint.startswith(f"{count} {getattr(now, count)}")


def test_links_to_the_bus_are_bounded() -> None:
    """A pool may grow, but only so far."""
    assert ["links to the bus 5, of which there may be 4"] == differences(
        reading(), reading(bus_links=5), most_bus_links=4
    )


def test_growth_is_that_of_one_process() -> None:
    """Who was started anew in between is compared with itself, and with nobody before its second round."""
    calm = [reading(pid=1, rss_bytes=1), reading(pid=2, rss_bytes=10), reading(pid=2, rss_bytes=30)]
    assert 20 == growth(calm, "rss_bytes")
    assert growth(calm[:2], "rss_bytes") is None
    assert [] == leaks(calm[:2])


def test_memory_may_grow_a_little() -> None:
    """An allocator's slack and caches that fill are no leak."""
    start = reading()
    end = reading(rss_bytes=start.rss_bytes + MAY_GROW_BYTES, memory_blocks=210_000)
    assert [] == leaks([start, end])


def test_a_leak_is_found() -> None:
    """More resident memory, or more blocks, than slack and caches explain."""
    start = reading()
    assert ["resident memory grew by 8.0 MiB; 8.0 may be"] == leaks(
        [start, reading(rss_bytes=start.rss_bytes + MAY_GROW_BYTES + 1)]
    )
    assert ["Python's memory grew by 10,001 blocks with 20,000 connections; 10,000 may be"] == leaks(
        [start, reading(memory_blocks=210_001, connections_accepted=20_000)]
    )


def test_garbage_is_allowed_for_by_connections() -> None:
    """Some of what each connection leaves waits for the collector; a block of each would be a leak."""
    start = reading(connections_accepted=1_000)
    assert [] == leaks([start, reading(memory_blocks=250_000, connections_accepted=101_000)])
    assert [] != leaks([start, reading(memory_blocks=300_000, connections_accepted=101_000)])


def test_most_and_rate() -> None:
    """The peak of a round; and what came in it, across a process's end."""
    readings = [reading(ticks_sent=100), reading(ticks_sent=300, cohorts=9), reading(pid=2, ticks_sent=50)]
    assert 9 == most(readings, "cohorts")
    assert 25 == rate(readings, "ticks_sent", 10)
