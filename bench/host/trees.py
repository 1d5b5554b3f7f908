"""The two trees of a comparison: that of a commit, and this one with uncommitted changes. Both are copies.

The copy of the commit is a git worktree of its own, so nothing in this tree is checked out, stashed or switched. This
tree is copied when the comparison begins, so later edits do not change the measured tree. Both run with this Python and
its packages, not with those of the commit.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.host.processes import ROOT, uninterrupted

PACKAGES = ("gateway", "market", "poller")
"""All packages of the system under test."""
THIS = "this tree"
FRONT = "haproxy.cfg"
"""The configuration of the program in front of it."""
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
"""Set where a git hook runs the bench; they would point git at a repository other than the tree's."""


class TreeError(Exception):
    """There is no tree to compare with; the message is one line, with the fix."""


@dataclass(frozen=True)
class Tree:
    """A copy of the system under test."""

    label: str
    """``this tree``, or the commit in short."""
    root: Path


@contextmanager
def compared(revision: str, root: Path = ROOT) -> Iterator[tuple[Tree, Tree]]:
    """The tree at ``root`` as it is now, and that of ``revision`` of its repository, until the block ends.

    Raises:
        TreeError: ``root`` is not a git checkout, or has no such revision, or the revision is not of this project.
    """
    commit = find(revision, root)
    folder = Path(tempfile.mkdtemp(prefix="tickgate-bench-"))
    this, that = Tree(THIS, folder / "this"), Tree(commit, folder / "that")
    try:
        # git would not know half a worktree as one.
        with uninterrupted():
            # A hook of the repository may do anything, and expects an ordinary checkout.
            _git(root, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", str(that.root), commit)
        for package in PACKAGES:
            shutil.copytree(root / package, this.root / package, ignore=shutil.ignore_patterns("__pycache__"))
        if (root / FRONT).is_file():
            shutil.copy(root / FRONT, this.root / FRONT)
        for tree in (this, that):
            _check(tree)
        yield this, that
    finally:
        with uninterrupted():
            shutil.rmtree(folder, ignore_errors=True)
            # The folder is gone. This removes its entry in the repository, if the start made one.
            with suppress(TreeError):
                _git(root, "worktree", "remove", "--force", "--force", str(that.root))


def find(revision: str, root: Path = ROOT) -> str:
    """The commit, in short, that ``revision`` names in the repository of the tree at ``root``.

    Raises:
        TreeError: as `compared`.
    """
    try:
        top = _git(root, "rev-parse", "--show-toplevel")
    except TreeError as error:
        raise TreeError(f"--against needs a git checkout of this project, made with git clone: {error}") from None
    # An unpacked archive may lie within another repository, whose commits are not ours.
    if Path(top).resolve() != root.resolve():
        raise TreeError(f"--against needs a git checkout of this project, made with git clone: {root} is only in {top}")
    try:
        return _git(root, "rev-parse", "--verify", "--short", "--end-of-options", f"{revision}^{{commit}}")
    except TreeError:
        raise TreeError(
            f"this repository has no commit {revision!r}: name one that git log shows, or git fetch it first"
        ) from None


def _check(tree: Tree) -> None:
    """Check that the tree runs its own packages, and compile them, so that no first start pays for that."""
    for package in PACKAGES:
        if not (tree.root / package / "__init__.py").is_file():
            raise TreeError(f"{tree.label} has no package {package}: compare with a later commit")
    where = (
        f"import {', '.join(PACKAGES)}; print({', '.join(f'{package}.__file__' for package in PACKAGES)}, sep='\\n')"
    )
    environment = {**os.environ, "PYTHONPATH": str(tree.root)}
    compiling = [sys.executable, "-m", "compileall", "-q", *PACKAGES]
    subprocess.run(compiling, cwd=tree.root, env=environment, capture_output=True, check=False)
    asked = [sys.executable, "-c", where]
    answer = subprocess.run(asked, cwd=tree.root, env=environment, capture_output=True, text=True, check=False)
    for package, file in zip(PACKAGES, answer.stdout.splitlines(), strict=False):
        if not Path(file).resolve().is_relative_to(tree.root.resolve()):
            raise TreeError(f"{package} of {tree.label} is hidden by {file}: uninstall that package first")
    if answer.returncode:
        raise TreeError(f"the packages of {tree.label} cannot be imported: {_last_line(answer.stderr)}")


def _git(root: Path, *arguments: str) -> str:
    """The output of git, without the line's end.

    Raises:
        TreeError: git failed; the message is git's own.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK_VARIABLES}
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise TreeError("there is no program git: install it") from None
    if answer.returncode:
        raise TreeError(_last_line(answer.stderr))
    return answer.stdout.rstrip("\n")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
