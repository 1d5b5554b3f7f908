"""One attack against a real gateway."""

from pathlib import Path

import pytest

from tests.bench.conftest import Run


@pytest.mark.integration
def test_an_attack_is_measured_with_a_victim_beside(run_copy: Run, tmp_path: Path) -> None:
    """The victim gets ticks, and the attacker is answered: its tokens are looked at and refused."""
    bench = run_copy("--attacks", "auth-hs256", "--seconds", "0.5", "--repeats", "0")
    assert bench.stderr == ""
    assert bench.returncode in (0, 1), "how late the victim was is not for a test"
    row = next(line for line in bench.stdout.splitlines() if line.startswith("| auth-hs256 |"))
    assert "closed 4401" in row
    assert "error unauthorised" in row
    assert "no tick" not in row
    assert "THE ATTACK FAILED" not in bench.stdout
    assert len(list((tmp_path / "bench" / "results").glob("*-attacks.json"))) == 1
