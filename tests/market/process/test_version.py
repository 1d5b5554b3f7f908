"""One version, wherever the code lies."""

import configparser
from importlib import metadata
from pathlib import Path

import pytest

from market.process.version import TOP, is_source_tree, version


def test_a_source_tree_has_the_version_of_its_setup_cfg() -> None:
    """Whatever is installed beside it."""
    config = configparser.ConfigParser()
    config.read(TOP / "setup.cfg", encoding="utf-8")
    assert config["metadata"]["version"] == version()
    assert is_source_tree()


def test_elsewhere_it_is_the_version_that_an_installer_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And `unknown` if none did, as for a folder that was only copied."""
    monkeypatch.setattr(metadata, "version", {"tickgate": "1.2.3"}.__getitem__)
    assert version(tmp_path) == "1.2.3"

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert version(tmp_path) == "unknown"
    assert not is_source_tree(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "no section", "[metadata]\nname = another\nversion = 9\n", "[metadata]\nversion = 9\n", "\xff"]
)
def test_another_s_setup_cfg_is_not_ours(text: str, tmp_path: Path) -> None:
    """Whatever lies beside the installed packages is not taken for a source tree of ours."""
    (tmp_path / "setup.cfg").write_text(text, encoding="latin-1")
    assert not is_source_tree(tmp_path)
