"""``tickgate front``."""

import pytest

from deploy.front import MADE, main


@pytest.mark.parametrize("front", MADE)
def test_it_prints_the_configuration_for_these_settings(
    front: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the addresses that the variables name, and no place left open."""
    monkeypatch.setenv("TICKGATE_GATEWAY_1", "gateways.example:9999")
    assert main([front]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "gateways.example" in printed.out
    assert "${" not in printed.out
    assert "/tmp" not in printed.out  # noqa: S108 - looked for, not used


def test_what_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the variable."""
    monkeypatch.setenv("TICKGATE_BIND", "8080")
    assert main(["nginx"]) == 2
    assert capsys.readouterr().err.startswith("tickgate front: TICKGATE_BIND='8080' ")
