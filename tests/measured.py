"""Which tests count for coverage, where `make test COVERAGE=1` measures it on the way.

The quick ones of the measured packages (tests mirror the tree), and those marked `measured`: tests with real programs,
for what only a process of its own runs. Traced code takes twice as long, so nothing is traced while others run, neither
in the worker nor in their programs: other tests with real programs take long, and some judge times; those of Hypothesis
run a hundred examples; and tests of other things reach little of these packages that their own do not reach.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import pytest
from coverage import Coverage

_PROGRAMS: Final = "COVERAGE_PROCESS_CONFIG"
"""The variable by which coverage.py starts in the programs that we start."""


def counts(item: pytest.Item, packages: frozenset[str]) -> bool:
    """Whether a test is one of those that show what is covered of ``packages``."""
    if item.get_closest_marker("alone"):
        return False
    if item.get_closest_marker("measured"):
        return True
    # Which lines its examples reach is chance too.
    if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        return False
    folders = item.path.relative_to(item.config.rootpath).parent.parts
    return item.get_closest_marker("integration") is None and not packages.isdisjoint(folders)


class Measuring:
    """A plugin for a worker that coverage.py has started in: it measures while a test that counts runs."""

    def __init__(self, coverage: Coverage) -> None:
        """``coverage`` measures already, so that it sees what the collection of tests imports."""
        self._coverage = coverage
        # Those that are folders are whole paths by now.
        sources = cast("list[str]", coverage.get_option("run:source"))
        self._packages = frozenset(Path(source).name for source in sources)
        self._config = os.environ[_PROGRAMS]
        self._measures = True

    # Outside of fixtures too: those that a test is the first to use count for it.
    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Begin or stop, where this test is of another kind than the one before."""
        if counts(item, self._packages) != self._measures:
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
