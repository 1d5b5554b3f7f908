"""What a process says of itself."""

import asyncio
import platform
from pathlib import Path

from market.metrics.exposition import expose
from market.metrics.process import process_families
from market.process.version import version
from tests.market.metrics.parsed import values_of


def test_a_process_says_what_it_is_and_holds() -> None:
    """By the names that Prometheus' clients use."""
    values = values_of(asyncio.run(expose(process_families("some"))))
    assert 1 == values["some_build_info", version(), platform.python_version()]
    assert 2**20 < values["process_resident_memory_bytes",]
    assert 0 < values["process_cpu_seconds_total",]
    assert len(list(Path("/proc/self/fd").iterdir())) - 5 < values["process_open_fds",]
    assert 0 < values["process_start_time_seconds",]
    assert {"0", "1", "2"} == {generation for name, *labels in values for generation in labels if "gc" in name}
