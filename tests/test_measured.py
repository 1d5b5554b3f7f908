"""Coverage is measured while tests run that count for it, and not while others do."""

import os
import subprocess
import sys
from pathlib import Path

from tests.long_runs import ROOT

OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", "-n1", "--dist=load", "--maxschedchunk=1")

INI = """
[pytest]
markers =
    alone: no other test runs beside it
    integration: starts real processes
    measured: counts for coverage
"""
SETTINGS = """
[run]
source = ours
parallel = true
patch = fork, subprocess
"""
CONFTEST = """
from tests.conftest import *
"""
# One line of each for a test itself, and one for a program that it starts.
OURS = "".join(
    f"def {name}():\n    return {name!r}\n"
    for kind in ("quick", "slow", "measured", "alone", "elsewhere", "examples")
    for name in (kind, f"{kind}_program")
)
TESTS = """
import subprocess
import sys
import pytest
import ours
from hypothesis import given
from hypothesis import strategies as st

def start(name):
    subprocess.run([sys.executable, "-c", f"import ours; ours.{name}()"], check=True)

def test_quick():
    ours.quick()
    start("quick_program")

@pytest.mark.integration
def test_slow():
    ours.slow()
    start("slow_program")

@pytest.mark.integration
@pytest.mark.measured
def test_measured():
    ours.measured()
    start("measured_program")

@given(st.none())
def test_examples(_):
    ours.examples()
    ours.examples_program()

@pytest.mark.alone
def test_alone():
    ours.alone()
    start("alone_program")
"""

ELSEWHERE = """
import subprocess
import sys
import ours

def test_quick():
    ours.elsewhere()
    subprocess.run([sys.executable, "-c", "import ours; ours.elsewhere_program()"], check=True)
"""


def python(folder: Path, *arguments: str) -> str:
    """What Python says in that folder, with no more plugins of pytest than named."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE_"))}
    done = subprocess.run(
        (sys.executable, *arguments),
        cwd=folder,
        env=environ | {"PYTHONPATH": f"{ROOT}:{folder}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_only_what_counts_is_measured(tmp_path: Path) -> None:
    """What quick tests of a package and measured ones run, themselves and by programs, is covered; no more is."""
    for folder in ("ours", "tests/ours", "tests/others"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in {
        "pytest.ini": INI,
        ".coveragerc": SETTINGS,
        "conftest.py": CONFTEST,
        "ours/__init__.py": OURS,
        "tests/ours/test_ours.py": TESTS,
        "tests/others/test_others.py": ELSEWHERE,
    }.items():
        (tmp_path / name).write_text(text)
    said = python(tmp_path, "-m", "coverage", "run", "-m", "pytest", *OPTIONS, "--rootdir", str(tmp_path))
    assert "6 passed" in said
    python(tmp_path, "-m", "coverage", "combine", "--quiet")
    missing = python(tmp_path, "-m", "coverage", "report", "--show-missing").splitlines()[2].partition("%")[2]
    lines = OURS.splitlines()
    left_out = [lines[int(number) - 1].split()[1] for number in missing.split(",")]
    names = (f"{kind}{program}" for kind in ("slow", "alone", "elsewhere", "examples") for program in ("", "_program"))
    assert left_out == [repr(name) for name in names]
