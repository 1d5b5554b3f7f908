"""Which timeouts fit each other."""

import re

import pytest

from deploy.errors import DeployError
from deploy.fronts import timeouts
from deploy.fronts.timeouts import misfit
from deploy.launcher import launch
from deploy.process.processes import ROOT
from gateway.settings import Settings


def test_the_defaults_are_those_of_the_programs_and_fit() -> None:
    """HAProxy's stands in its configuration, the gateway's in its settings."""
    configured = re.findall(r"\$\{TICKGATE_UNREAD_TIMEOUT-(\w+)\}", (ROOT / "haproxy.cfg").read_text())
    assert {timeouts.UNREAD} == set(configured)
    assert Settings().lag_timeout_s == float(timeouts.LAG_S)
    assert misfit({}) is None


@pytest.mark.parametrize(
    ("unread", "lag", "fits"),
    [
        ("20s", "19.9", True),
        ("20s", "20", False),
        ("3s", None, False),
        (None, "30", False),
        ("", "30", False),
        ("9000", "10", False),
        ("11000", "10", True),
        ("500ms", "1", False),
        ("9000000us", "10", False),
        ("1m", "59", True),
        ("1m", "61", False),
        ("1h", "3599", True),
        ("1d", "3600", True),
        # Others say what is wrong with these, or there is no limit.
        ("0", "10", True),
        ("soon", "10", True),
        ("3s", "soon", True),
    ],
)
def test_haproxy_waits_longer_than_a_gateway(unread: str | None, lag: str | None, fits: bool) -> None:
    """In any of its units; what does not fit is told in one line, with both names."""
    told = {"TICKGATE_UNREAD_TIMEOUT": unread, "LAG_TIMEOUT_S": lag}
    warning = misfit({name: value for name, value in told.items() if value is not None})
    assert fits == (warning is None)
    if warning is not None:
        assert "TICKGATE_UNREAD_TIMEOUT" in warning
        assert "LAG_TIMEOUT_S" in warning
        assert "\n" not in warning


def test_a_launcher_says_so_at_the_start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a cluster, which has a HAProxy; and goes on."""

    def planned(_environ: object) -> None:
        raise DeployError("that was the plan")

    monkeypatch.setenv("TICKGATE_UNREAD_TIMEOUT", "3s")
    monkeypatch.setenv("LAG_TIMEOUT_S", "4")
    for command in ("cluster", "run"):
        monkeypatch.setattr(launch, f"plan_{command}", planned)
        assert 2 == getattr(launch, command)([], "tickgate")
        said = capsys.readouterr()
        assert (command == "cluster") == ("TICKGATE_UNREAD_TIMEOUT=3s is not longer than LAG_TIMEOUT_S=4" in said.out)
        assert "that was the plan" in said.err
