"""``python -m bench.capacity``."""

import json
from pathlib import Path

import pytest

from bench.capacity import unit_costs
from bench.capacity.__main__ import main
from tests.bench.capacity.costs import ROUND


@pytest.fixture
def costs(tmp_path: Path) -> str:
    """Keep round costs in a file."""
    file = tmp_path / "costs.json"
    unit_costs.save(ROUND, file)
    return str(file)


def test_a_million_clients_are_answered_in_a_table(costs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each part has a line."""
    assert main(["--costs", costs, "--clients", "1000000", "--front", "haproxy"]) == 0
    text = capsys.readouterr().out
    assert "1,000,000 clients × 100 of 100 symbols × 1 updates/s" in text
    for name in ("poller", "bus (redis)", "gateways", "front (haproxy)"):
        assert f"\n{name} " in text


def test_the_answer_is_also_json(costs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the question."""
    assert main(["--costs", costs, "--json", "--clients", "5", "--conflation", "2"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["question"]["clients"], said["question"]["max_hz"]) == (5, 2)
    assert [part["name"] for part in said["plan"]["parts"]][2] == "gateways"


def test_without_costs_the_line_says_how_to_get_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2: nothing was answered."""
    assert main(["--costs", str(tmp_path / "none.json")]) == 2
    assert "measure them with --measure" in capsys.readouterr().err
