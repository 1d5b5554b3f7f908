"""The last release and this one, as wheels, and programs that are now of the one and now of the other."""

import io
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.launcher.programs import PYTHON, Plan
from deploy.process.processes import ROOT
from deploy.process.program import Program
from tests.integration.installed import build

LAST = "6542f808cac5c359ebc41bbc161ae2323e65cf7e"
"""The commit of 0.2.0."""
LAST_VERSION = "0.2.0"


class Releases:
    """The packages of both, each in a folder: ``last`` and ``this``."""

    def __init__(self, folder: Path) -> None:
        """Build both wheels in ``folder``. The test is skipped where the history does not have the last release."""
        self.folder = folder
        archive = subprocess.run(("git", "archive", LAST), cwd=ROOT, capture_output=True, check=False)
        if archive.returncode:
            pytest.skip(f"the commit of {LAST_VERSION} is not in this clone's history: git fetch --unshallow")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tree:
            tree.extractall(folder / "tree of the last", filter="data")
        self._install(folder / "tree of the last", "last")
        self._install(ROOT, "this")

    def _install(self, tree: Path, name: str) -> None:
        built = self.folder / f"wheel of {name}"
        built.mkdir()
        with zipfile.ZipFile(build(tree, built)) as wheel:
            # Nothing but packages: that is what an installer does with it.
            wheel.extractall(self.folder / name)  # noqa: S202 - we built it

    def use(self, release: str, program: str) -> None:
        """Let a program be of this release from its next start on."""
        link = self._link(program)
        link.unlink(missing_ok=True)
        link.symlink_to(self.folder / release)

    def used(self, program: str) -> str:
        """The release that a program is of, at its next start."""
        return self._link(program).readlink().name

    def _link(self, program: str) -> Path:
        return self.folder / f"of {program}"

    def plan(self, plan: Plan, releases: Mapping[str, str]) -> Plan:
        """``plan`` with each poller and gateway of a release of its own: name of the program -> release."""
        for name, release in releases.items():
            self.use(release, name)
        return replace(
            plan,
            poller=self._own(plan.poller, "poller"),
            other_pollers=tuple(self._own(one, "poller") for one in plan.other_pollers),
            gateways=tuple(self._own(one, "gateway") for one in plan.gateways),
        )

    def _own(self, program: Program, module: str) -> Program:
        env = {**program.env, "PYTHONPATH": os.fspath(self._link(program.name))}
        return replace(program, command=(*PYTHON, module), env=env)
