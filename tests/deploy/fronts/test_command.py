"""``tickgate front``."""

import re
from pathlib import Path

import pytest

from deploy.fronts.command import MADE, main


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


def test_gateways_that_are_not_named_are_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """None is guessed to be on this machine, and without any there is nothing to print."""
    monkeypatch.setenv("TICKGATE_GATEWAY_2", "10.0.0.12:8081")
    assert main(["nginx"]) == 0
    assert {"10.0.0.12:8081"} == set(re.findall(r'^ +server "(\S+)"', capsys.readouterr().out, re.MULTILINE))
    monkeypatch.setenv("TICKGATE_GATEWAY_2", "")
    assert main(["nginx"]) == 2
    assert "set TICKGATE_GATEWAY_1" in capsys.readouterr().err


@pytest.mark.parametrize("front", MADE)
def test_an_encrypted_way_to_gateways_needs_a_file_that_can_be_read(
    front: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Then its path is there, with the name that certificates must have; else the variable is named."""
    monkeypatch.setenv("TICKGATE_GATEWAY_1", "10.0.0.11:8081")
    monkeypatch.setenv("TICKGATE_GATEWAY_CA", str(tmp_path / "ca.pem"))
    assert main([front]) == 2
    assert "TICKGATE_GATEWAY_CA=" in capsys.readouterr().err
    (tmp_path / "ca.pem").write_text("certificates", encoding="ascii")
    assert main([front]) == 0
    printed = capsys.readouterr().out
    assert f'"{tmp_path}/ca.pem"' in printed
    assert '"tickgate-gateway"' in printed
