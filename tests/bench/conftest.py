"""Benches to run, as objects and as commands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.host.machine import choose_cores
from bench.host.processes import ROOT
from bench.host.trees import FRONT, PACKAGES
from bench.measuring.measure import Bench
from tests.valkey import Valkey

Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""Runs the bench with arguments, and returns its output."""


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Run a bench with a bus of its own."""
    valkey = Valkey()
    valkey.start()
    yield Bench(valkey.port, valkey.pid, choose_cores())
    valkey.stop()


@pytest.fixture
def run_copy(tmp_path: Path) -> Run:
    """Runs the bench of a copy of this tree, which is in ``tmp_path`` with the results."""
    copy_packages(tmp_path)
    shutil.copy(ROOT / FRONT, tmp_path)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "bench", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def copy_packages(to: Path) -> None:
    """The bench and all that it measures, with their bytecode, which is valid there too."""
    for package in ("bench", *PACKAGES):
        shutil.copytree(ROOT / package, to / package, ignore=shutil.ignore_patterns("results", "node_modules"))
