import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.attacked import Attacked, fate, render
from bench.attacks import ALL
from bench.processes import ROOT
from bench.strangers import Attacks, exit_code
from bench.trees import FRONT, PACKAGES, THIS


def attacked(**fields: Any) -> Attacked:
    """One that costs the victim nothing, but for ``fields``."""
    row = {"quiet_p50_ms": 0.5, "quiet_p99_ms": 1.0, "p50_ms": 0.5, "p99_ms": 1.0, "max_ms": 2.0, "got": 1.0}
    return Attacked(**{"tree": THIS, "front": "straight", "attack": "pings", **row, **fields})


@pytest.mark.parametrize(
    ("quiet_ms", "p99_ms", "missed"),
    [
        (1.0, 2.1, False),
        (1.0, 20.0, False),
        (1.0, 20.1, True),
        (15.0, 30.0, False),
        (15.0, 30.1, True),
        (1.0, None, True),
    ],
)
def test_the_aim_is_twice_the_quiet_p99_or_20_ms(quiet_ms: float, p99_ms: float | None, missed: bool) -> None:
    """Whichever is more; and a victim that gets nothing at all is not met."""
    assert attacked(quiet_p99_ms=quiet_ms, p99_ms=p99_ms).missed == missed


def test_a_victim_that_is_cut_off_is_missed() -> None:
    """However young its prices were until then."""
    assert attacked(ended="closed with 4408").missed


def test_a_row_names_who_was_refused() -> None:
    """What was done comes first, then what was answered, the most frequent first."""
    counts = {"HTTP 101": 4, "error rate_limited": 90, "connects": 4, "sent": 400}
    assert fate(counts) == "connects 4, sent 400, error rate_limited 90, HTTP 101 4"
    row = render([attacked(fate=counts, p99_ms=30.0)], trees=True).splitlines()[2]
    assert row.startswith(f"| {THIS} | pings | straight | 0.5 / 1.0 ms | 30.0 ms | 30.0 | 100% |")
    assert row.endswith("error rate_limited 90, HTTP 101 4 | MISSED |")


def test_the_exit_code_is_that_of_this_tree() -> None:
    """What another commit misses is no failure; an attack that could not be made is one."""
    codes = [
        exit_code(Attacks("", {}, rows))
        for rows in (
            [],
            [attacked()],
            [attacked(tree="abc", p99_ms=99.0)],
            [attacked(p99_ms=99.0)],
            [attacked(failed=True)],
        )
    ]
    assert codes == [0, 0, 0, 1, 1]


def test_attacks_have_names_of_their_own() -> None:
    """And each says what it is."""
    assert all(attack.about and attack.name == name for name, attack in ALL.items())
    assert len(ALL) >= 30


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
