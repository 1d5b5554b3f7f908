"""What is installed is what was locked: versions, hashes, and no package without."""

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.locked import ROOT, LockError, parse, requirements, wanted

TEXT = (ROOT / "constraints.txt").read_text(encoding="utf-8")
LOCKED = parse(TEXT)
EVERY_EXTRA = ("cluster", "dashboard", "embedded", "dev", "docs", "load", "notebook", "test")

SETUP = """
[options]
install_requires =
    # why so
    One[crypto] >=1,<2
[options.extras_require]
more =
    two.two
other =
    three
"""
CONSTRAINTS = """# made by
one==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via tickgate (setup.cfg)
below==2 ; sys_platform == 'win32' \\
    --hash=sha256:bb
    # via
    #   deeper
    #   one
deepest==2 \\
    --hash=sha256:cc
    # via below
setuptools==9 \\
    --hash=sha256:dd
    # via -r -
Two-Two==2 \\
    --hash=sha256:ee
    # via tickgate (setup.cfg)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small project."""
    (tmp_path / "setup.cfg").write_text(SETUP, encoding="utf-8")
    (tmp_path / "constraints.txt").write_text(CONSTRAINTS, encoding="utf-8")
    return tmp_path


def names(text: str) -> list[str]:
    """List the packages in the text of a requirements file."""
    return re.findall(r"^([^ =]+)==", text, re.MULTILINE)


def test_what_is_needed_directly_or_not(root: Path) -> None:
    """Packages that setup.cfg names, what those need, with markers and every hash, and nothing else."""
    plain = requirements([], root)
    assert names(plain) == ["below", "deepest", "one", "setuptools"]
    assert "below==2 ; sys_platform == 'win32' \\\n    --hash=sha256:bb\n" in plain
    assert plain.count("--hash") == 5
    assert "#" not in plain
    assert names(requirements(["more"], root)) == ["below", "deepest", "one", "setuptools", "Two-Two"]


def test_a_package_may_have_another_version_for_an_older_python(root: Path) -> None:
    """Both stand there, each with its marker and its hashes; pip takes the one that applies."""
    text = CONSTRAINTS + "one==0.9 ; python_full_version < '3.12' \\\n    --hash=sha256:ff\n    # via two\n"
    (root / "constraints.txt").write_text(text, encoding="utf-8")
    assert ["below", "deepest", "one", "one", "setuptools", "Two-Two"] == names(requirements(["more"], root))


def test_what_is_not_there_is_named(root: Path) -> None:
    """An extra that does not exist, and a package that was never locked, are errors with the fix."""
    with pytest.raises(LockError, match=r"no extra 'less'; it has more, other"):
        requirements(["less"], root)
    with pytest.raises(LockError, match=r"lacks three; run: make constraints"):
        requirements(["more", "other"], root)


def test_every_package_has_a_version_and_hashes() -> None:
    """More than one file of each, for a wheel alone would not do everywhere; and no index is named."""
    assert len(LOCKED) > 50
    for name, package in LOCKED.items():
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}\b", "".join(package.lines))
        assert len(hashes) >= 2, name
        assert package.via or name == "setuptools", name
    assert re.findall(r"://|--(?:index|extra|find|trusted)", TEXT) == []


@pytest.mark.parametrize("extra", EVERY_EXTRA)
def test_each_extra_is_whole(extra: str) -> None:
    """Each package that is installed here and that an extra needs has what it needs among the locked."""
    needed = set(map(canonicalize_name, names(requirements([extra]))))
    assert wanted([extra]) <= needed
    for name in needed:
        try:
            required = distribution(name).requires or []
        except ModuleNotFoundError:
            continue  # of another environment, system or Python
        for requirement in map(Requirement, required):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in needed, (name, str(requirement))
