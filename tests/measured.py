"""Which tests count for coverage, where `make test COVERAGE=1` measures it on the way.

The quick ones, and those marked `measured`: tests with real programs, for what only a process of its own runs. The
others take long, and some judge times: nothing is traced while they run, neither in the worker nor in their programs.
"""

import os
from collections.abc import Iterator
from typing import Final

import pytest
from coverage import Coverage

_PROGRAMS: Final = "COVERAGE_PROCESS_CONFIG"
"""The variable by which coverage.py starts in the programs that we start."""


def counts(item: pytest.Item) -> bool:
    """Whether a test is one of those that show what is covered."""
    if item.get_closest_marker("alone"):
        return False
    return item.get_closest_marker("integration") is None or item.get_closest_marker("measured") is not None


class Measuring:
    """A plugin for a worker that coverage.py has started in: it measures while a test that counts runs."""

    def __init__(self, coverage: Coverage) -> None:
        """``coverage`` measures already, so that it sees what the collection of tests imports."""
        self._coverage = coverage
        self._config = os.environ[_PROGRAMS]
        self._measures = True

    # Outside of fixtures too: those that a test is the first to use count for it.
    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Begin or stop, where this test is of another kind than the one before."""
        if counts(item) != self._measures:
            self._turn()
        return (yield)

    def _turn(self) -> None:
        self._measures = not self._measures
        if self._measures:
            self._coverage.start()
            os.environ[_PROGRAMS] = self._config
        else:
            self._coverage.stop()
            del os.environ[_PROGRAMS]
