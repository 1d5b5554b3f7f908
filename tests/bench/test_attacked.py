"""One attack against a real gateway."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import ROOT
from bench.trees import FRONT, PACKAGES


@pytest.mark.integration
def test_an_attack_is_measured_with_a_victim_beside(tmp_path: Path) -> None:
    """The victim gets ticks, and the attacker is answered: its tokens are looked at and refused."""
    for package in ("bench", *PACKAGES):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copy(ROOT / FRONT, tmp_path)
    bench = subprocess.run(
        [sys.executable, "-m", "bench", "--attacks", "auth-hs256", "--seconds", "0.5", "--repeats", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert bench.stderr == ""
    assert bench.returncode in (0, 1), "how late the victim was is not for a test"
    row = next(line for line in bench.stdout.splitlines() if line.startswith("| auth-hs256 |"))
    assert "closed 4401" in row
    assert "error unauthorised" in row
    assert "no tick" not in row
    assert "THE ATTACK FAILED" not in bench.stdout
    assert len(list((tmp_path / "bench" / "results").glob("*-attacks.json"))) == 1
