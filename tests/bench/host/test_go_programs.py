"""Servers that are Go modules."""

import stat
from pathlib import Path

import pytest

from bench.host.go_programs import ALL, GoProgram

PROGRAM = GoProgram("server", "example.com/server", "v1.2.3")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache and a PATH of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def fake_go(folder: Path, script: str) -> None:
    """Put a program named go in the PATH."""
    (folder / "bin").mkdir()
    go = folder / "bin" / "go"
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(go.stat().st_mode | stat.S_IXUSR)


def test_without_go_it_is_named_as_missing() -> None:
    """The line says what to install, and for what."""
    assert PROGRAM.missing() == "needs the program go, to build example.com/server@v1.2.3"


def test_it_is_built_once_into_the_cache(cache: Path) -> None:
    """A second build finds it there, with or without Go; nothing else is left."""
    fake_go(cache, 'echo "$@" >>"$XDG_CACHE_HOME/calls"; echo x >"$GOBIN/server"')
    assert PROGRAM.missing() == ""
    assert (PROGRAM.build(), PROGRAM.build()) == ("", "")
    assert PROGRAM.path == cache / "cache/tickgate-bench/server-v1.2.3/server"
    assert (cache / "cache/calls").read_text() == "install -trimpath example.com/server@v1.2.3\n"
    assert [path.name for path in (cache / "cache/tickgate-bench").iterdir()] == ["server-v1.2.3"]
    (cache / "bin/go").unlink()
    assert PROGRAM.missing() == ""


def test_a_failed_build_is_told_in_one_line(cache: Path) -> None:
    """The reason is the compiler's last line."""
    fake_go(cache, "echo one >&2; echo no such module >&2; exit 1")
    assert PROGRAM.build() == "go install -trimpath example.com/server@v1.2.3 failed: no such module"


def test_every_version_is_exact() -> None:
    """A figure is worth little without the version that it was measured with."""
    assert all(program.version.count(".") == 2 for program in ALL.values())
