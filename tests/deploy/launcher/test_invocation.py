"""What a person types to start `tickgate` here."""

from pathlib import Path

import pytest

from deploy.launcher.invocation import typed


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment's interpreter in a folder of a checkout, which is the working directory."""
    (tmp_path / "tree" / ".venv" / "bin").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "tree")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path / "tree" / ".venv" / "bin" / "python"


def install(python: Path) -> None:
    """Put the command beside the interpreter."""
    script = python.with_name("tickgate")
    script.touch(mode=0o755)


def test_a_checkout_without_the_command_has_the_module(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the interpreter that has what it needs, from here or from anywhere."""
    assert typed(str(python), in_tree=True) == ".venv/bin/python -m deploy"
    monkeypatch.chdir("/usr")
    assert typed(str(python), in_tree=True) == f"{python} -m deploy"


def test_the_command_of_an_environment_has_its_path(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not on the PATH, or another one is there; a blank in the path is quoted."""
    install(python)
    assert typed(str(python), in_tree=True) == ".venv/bin/tickgate"
    monkeypatch.chdir(python.parent)
    assert typed(str(python), in_tree=True) == str(python.with_name("tickgate"))
    spaced = python.parents[2] / "my tree"
    spaced.mkdir()
    install(spaced / "python")
    assert typed(str(spaced / "python"), in_tree=True) == f"'{spaced / 'tickgate'}'"


def test_the_name_alone_is_enough_on_the_path(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment that is activated, and where nothing else is known."""
    assert typed(str(python), in_tree=False) == "tickgate"
    install(python)
    monkeypatch.setenv("PATH", str(python.parent))
    assert typed(str(python), in_tree=True) == "tickgate"
