"""tickgate as people install it: the wheel in an environment of its own, from which this tree cannot be imported.

Its dependencies are copied from the environment that runs the tests: every file of the distributions that the wheel's
own metadata asks for, and of no others. So a requirement that is missing there is missing here too, and nothing is
downloaded. An installer takes the wheel itself.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from deploy.process.processes import ROOT
from market.process.version import NAME

ALL = ("embedded", "cluster")

_NOT_SOURCE = shutil.ignore_patterns(
    *(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", ".coverage*", "*.egg-info"),
    *("build", "dist", "target", "htmlcov", "results", "node_modules", "dump.rdb"),
)


class Built:
    """The source archive of this tree, and the wheel that is built from that archive."""

    def __init__(self, folder: Path) -> None:
        """Build both into ``folder``, which is empty. Nothing is written into this tree."""
        self.tree = folder / "tree"
        shutil.copytree(ROOT, self.tree, symlinks=True, ignore=_NOT_SOURCE)
        _build("sdist", self.tree, folder)
        (self.archive,) = folder.glob("*.tar.gz")
        with tarfile.open(self.archive) as archive:
            archive.extractall(folder / "unpacked", filter="data")
        (self.unpacked,) = (folder / "unpacked").iterdir()
        _build("wheel", self.unpacked, folder)
        (self.wheel,) = folder.glob("*.whl")


def _build(kind: str, tree: Path, folder: Path) -> None:
    code = f"import setuptools.build_meta, sys; setuptools.build_meta.build_{kind}(sys.argv[1])"
    _run((sys.executable, "-c", code, str(folder)), cwd=tree)


def build(tree: Path, folder: Path) -> Path:
    """The wheel of a tree, built into ``folder``, which is empty. Nothing is written into the tree."""
    copied = folder / "tree"
    shutil.copytree(tree, copied, symlinks=True, ignore=_NOT_SOURCE)
    _build("wheel", copied, folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


class Installation:
    """A virtual environment with the wheel and what some of its extras need."""

    def __init__(self, folder: Path) -> None:
        """``folder`` has an environment already, or gets one by `make`."""
        self.folder = folder
        self.bin = folder / "bin"
        self.site_packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"

    def make(self, wheel: Path, extras: Iterable[str]) -> None:
        """Make the environment, and install."""
        venv.create(self.folder, symlinks=True)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(self.bin / "python"))
        _run((*pip, "--quiet", "install", "--no-index", "--no-deps", str(wheel)), cwd=self.folder)
        (tickgate,) = Distribution.discover(name=NAME, path=[str(self.site_packages)])
        for needed in needed_by(tickgate, extras):
            copy(needed, self.site_packages)
        _run((*pip, "check"), cwd=self.folder)

    def written(self) -> dict[str, int]:
        """Each file and folder of the installed packages, and when it was written."""
        return {str(path): path.stat().st_mtime_ns for path in (self.site_packages, *self.site_packages.rglob("*"))}


def copy(needed: Distribution, site_packages: Path) -> None:
    """Copy an installed distribution there, without its scripts."""
    for file in needed.files or ():
        # Beside the packages are scripts of the other environment.
        if ".." not in file.parts and (source := Path(str(file.locate()))).is_file():
            target = site_packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def needed_by(root: Distribution, extras: Iterable[str]) -> Iterator[Distribution]:
    """The installed distributions that ``root`` needs with these extras, directly or not, each once."""
    waiting, seen = [(root, frozenset(extras))], set()
    while waiting:
        dependent, its_extras = waiting.pop()
        for line in dependent.requires or ():
            needed = Requirement(line)
            key = (needed.name.lower(), frozenset(needed.extras))
            if _applies(needed, its_extras) and key not in seen:
                seen.add(key)
                found = distribution(needed.name)
                waiting.append((found, key[1]))
                yield found


def _applies(needed: Requirement, extras: Iterable[str]) -> bool:
    return needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make what is in ``folder``."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: tuple[str, ...], cwd: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
