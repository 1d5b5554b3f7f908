"""What is said of HAProxy, by the real one and by programs in its place."""

import os
from pathlib import Path

import pytest

from deploy.checks import haproxy
from deploy.checks.haproxy import check_haproxy
from deploy.launcher.programs import find_haproxy

ENVIRON = {"PATH": os.environ.get("PATH", "")}


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a script in HAProxy's place."""
    (path := tmp_path / "haproxy").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setattr(haproxy, "find_haproxy", lambda: str(path))


@pytest.mark.skipif(find_haproxy() is None, reason="HAProxy is not installed")
async def test_the_real_one_takes_the_configuration_that_ships() -> None:
    """Its version, and that the file is valid; and where a variable makes it invalid, which line it refuses."""
    (found,) = await check_haproxy(ENVIRON, {})
    assert ("ok", True) == (found.mark, "haproxy.cfg is valid" in found.text)
    assert found.text[0].isdigit()
    (refused,) = await check_haproxy(ENVIRON, {"TICKGATE_BIND": "nonsense:x"})
    assert "wrong" == refused.mark
    assert "haproxy.cfg:" in refused.text
    assert "nonsense" in refused.text


async def test_without_it_there_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning: everything else works."""
    monkeypatch.setattr(haproxy, "find_haproxy", lambda: None)
    (found,) = await check_haproxy(ENVIRON, {})
    assert ("warning", True) == (found.mark, "apt-get install haproxy" in found.fix)


@pytest.mark.parametrize(
    ("says", "mark", "said"),
    [
        ("HAProxy version 2.4.22-0ubuntu0.22.04.3 2023/12/04", "warning", "2.4.22-0ubuntu0.22.04.3, too old"),
        ("HA-Proxy version 1.8.19", "warning", "too old"),
        ("HAProxy version 3.2.1-abc", "ok", "3.2.1-abc"),
        ("something else", "warning", "is it HAProxy?"),
    ],
)
async def test_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, mark: str, said: str) -> None:
    """One that is too old, or no HAProxy, is named."""
    stand_in(tmp_path, monkeypatch, f'echo "{says}"')
    (found,) = await check_haproxy(ENVIRON, {})
    assert (mark, True) == (found.mark, said in found.text)
