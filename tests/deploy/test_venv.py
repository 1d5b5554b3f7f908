"""``deploy/venv.sh``: what it says where a virtual environment cannot be made, and that it installs nothing in vain.

The shell script is the real one, in a tree of its own. So are Python, venv and pip where they can be made to fail; what
this machine cannot do to them (a full disk, a Debian without ensurepip) is said by a script in their place.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deploy.ports import free_port
from deploy.process.processes import ROOT

NOBODY = 65534
APT = "apt-get was called"


class Tree:
    """A copy of what the script needs, and a PATH that has programs of a test's own first."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.tree = top / "tree"
        self.programs = top / "programs"
        self.programs.mkdir()
        shutil.copytree(ROOT / "deploy", self.tree / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.tree)
        # Whoever runs the tests is root for the script, and a package can be installed.
        self.program("apt-get", f'echo "{APT}: $*" >&2; exit 100')
        self.program("id", "echo 0")
        for name in ("python3.11", "python3.12", "python3.13", "python3.14", "python3", "python", "virtualenv", "uv"):
            self.program(name, "exit 127")

    def program(self, name: str, script: str) -> Path:
        """Put a script in the place of a program."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def python(self, name: str = "python3", *, venv: str = "", without: str = "") -> Path:
        """The Python of the tests, but for ``python -m venv``, and a module that it cannot import."""
        replaced = f'[ "$1 $2" = "-m venv" ] && {{ {venv}; }}' if venv else ""
        hidden = (
            f'case "$1 $2" in "-c import "*{without}*) exit 1;; "-c import virtualenv") exit 1;; esac'
            if without
            else ""
        )
        return self.program(name, f'{replaced}\n{hidden}\nexec {sys.executable} "$@"')

    def run(
        self, *, before: str = "", python: str = "", user: int | None = None, venv: str = ".venv", **variables: str
    ) -> tuple[int, str]:
        """Exit code and output of the script."""
        environ = {"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": str(self.top), **variables}
        if python:
            environ["PYTHON"] = python
        if os.geteuid() != 0:
            user = None
        done = subprocess.run(
            ["sh", "-c", f"{before}exec sh deploy/venv.sh {venv} embedded"],
            cwd=self.tree,
            env=environ,
            user=user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=110,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture
def tree() -> Iterator[Tree]:
    """A tree that others than root may read."""
    with TemporaryDirectory(prefix="tickgate-venv-") as folder:
        Path(folder).chmod(0o755)
        yield Tree(Path(folder))


def test_a_pip_without_a_way_to_its_index_is_heard(tree: Tree) -> None:
    """Its own error, and what helps; nobody is told to install venv, which did its work."""
    tree.python()
    code, said = tree.run(PIP_INDEX_URL=f"http://127.0.0.1:{free_port()}/simple", PIP_RETRIES="1")
    assert 1 == code, said
    assert "Connection refused" in said
    assert "PIP_INDEX_URL" in said.splitlines()[-2]
    assert "venv module" not in said
    assert APT not in said


@pytest.mark.parametrize("where", ["the tree", "the place of the environment"])
def test_a_folder_that_cannot_be_written_to_is_said_before_anything_is_installed(tree: Tree, where: str) -> None:
    """Which folder, in the system's words, and where else it could be."""
    # Another user cannot run every Python, as one in root's home; this one is old enough to do nothing.
    tree.program("python3", 'case "$*" in *version_info*) exit 0;; esac; exit 1')
    (elsewhere := tree.top / "elsewhere").mkdir()
    elsewhere.chmod(0o777 if where == "the tree" else 0o755)
    if os.geteuid() != 0:
        (tree.tree if where == "the tree" else elsewhere).chmod(0o555)
    code, said = tree.run(user=NOBODY, venv=str(elsewhere / "venv"))
    assert 1 == code, said
    (line,) = said.splitlines()
    assert str(tree.tree if where == "the tree" else elsewhere) in line
    assert "(Permission denied)" in line
    assert ("copy the tree" if where == "the tree" else "make VENV=") in line


def test_a_disk_that_is_full_is_said_as_venv_says_it(tree: Tree) -> None:
    """Its last lines, and nothing is installed on the system."""
    tree.python(venv='echo "Error: [Errno 28] No space left on device: .venv/lib" >&2; exit 1')
    code, said = tree.run()
    assert 1 == code, said
    assert "python3 -m venv says:" in said
    assert "    Error: [Errno 28] No space left on device" in said
    assert "install" not in said
    assert APT not in said


def test_a_limit_on_files_is_said_as_the_real_venv_says_it(tree: Tree) -> None:
    """A real failure half way: no file may be longer than 50 KB."""
    tree.python()
    code, said = tree.run(before="ulimit -f 100; ")
    assert 1 == code, said
    assert "python3 -m venv says:" in said
    assert "File too large" in said
    assert APT not in said


@pytest.mark.parametrize("asked_for", [False, True])
def test_a_python_that_is_too_old_is_named_with_its_version(tree: Tree, asked_for: bool) -> None:
    """Where it is the only one, and where it was asked for."""
    old = tree.program("python3", 'case "$*" in *sys.exit*) exit 1;; *version_info*) echo 3.9.2;; esac')
    code, said = tree.run(python=str(old) if asked_for else "")
    assert 1 == code, said
    (line,) = said.splitlines()
    assert "3.9.2" in line
    assert "at least 3.11" in line
    assert ("unset it" if asked_for else "make PYTHON=") in line


def test_no_python_at_all(tree: Tree) -> None:
    """Nothing in PATH, or a name that is none."""
    code, said = tree.run()
    assert (1, 1) == (code, len(said.splitlines())), said
    assert "PATH has no Python of at least 3.11; install one" in said
    code, said = tree.run(python="/no/such/python")
    assert "(it cannot be run)" in said


def test_a_python_without_ensurepip_is_the_one_thing_that_the_system_can_mend(tree: Tree) -> None:
    """Only then is a package installed; where that fails, venv's own words say what is missing."""
    tree.python(venv='echo "ensurepip is not available"; exit 1', without="ensurepip")
    code, said = tree.run()
    assert 1 == code, said
    assert APT in said
    assert "    ensurepip is not available" in said
    assert "apt-get install python3-venv" in said.splitlines()[-1]


def test_what_is_there_and_no_environment_is_left_alone(tree: Tree) -> None:
    """A folder of somebody's is not removed."""
    tree.python()
    (precious := tree.tree / ".venv" / "precious").mkdir(parents=True)
    code, said = tree.run()
    assert 1 == code, said
    assert "is no virtual environment" in said
    assert precious.is_dir()
