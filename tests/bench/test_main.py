"""The bench as a command, from its options to its exit code."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import main
from tests.bench.conftest import copy_packages
from tests.bench.host.test_trees import git

pytestmark = pytest.mark.integration

HANG_UPS = (signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """This tree in a repository of its own, committed."""
    root = tmp_path / "project"
    copy_packages(root)
    (root / ".gitignore").write_text("__pycache__/\nbench/results/\n")
    git(root, "init", "--quiet")
    commit(root)
    (tmp_path / "tmp").mkdir()
    return root


def commit(root: Path) -> str:
    """All that is there; returns the commit in short."""
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "all")
    return git(root, "rev-parse", "--short", "HEAD")


def start(root: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The bench of that tree, whose copies the test can find."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(root.parent / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compare(root: Path, revision: str = "HEAD") -> tuple[int, str]:
    """Three short rounds of the poller's scenario; exit code and output."""
    with start(root, "--against", revision, "--rounds", "3", "--seconds", "0.2", "--scenario", "poller") as bench:
        said, complaint = bench.communicate(timeout=100)
    assert complaint == ""
    assert untouched(root)
    return bench.returncode, said


def untouched(root: Path) -> bool:
    """Whether there is no worktree beside the repository's own, and no copy of a tree."""
    worktrees = git(root, "worktree", "list", "--porcelain").count("worktree ")
    return worktrees == 1 and not list((root.parent / "tmp").glob("tickgate-bench-*"))


def edit(path: Path, old: str, new: str) -> None:
    """Replace ``old``, which stands there once, in a file."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def slow_down(root: Path) -> None:
    """Every tick is encoded a hundred times."""
    edit(
        root / "market" / "wire" / "codec.py",
        "= _encoder.encode\n",
        "= lambda tick: [_encoder.encode(tick) for _ in range(100)][0]\n",
    )


def test_what_is_not_committed_is_compared_with_what_is(project: Path) -> None:
    """A slower poller in the working tree is a regression: exit code 1."""
    slow_down(project)
    code, said = compare(project)
    assert (code, said.count("REGRESSION")) == (1, 1), said


@pytest.mark.long("bench", "gateway", "market", "poller")
def test_a_commit_that_was_slower_is_no_regression(project: Path) -> None:
    """The ratio is this ÷ that, and that is the commit's own code: exit code 0."""
    slow_down(project)
    slow = commit(project)
    git(project, "checkout", "--quiet", "HEAD~1")
    code, said = compare(project, slow)
    assert (code, said.count("better")) == (0, 1), said


def test_a_commit_with_another_interface_is_named_with_the_scenario(project: Path) -> None:
    """One line says what does not fit; no figure is exit code 2."""
    edit(project / "poller" / "ticks" / "processor.py", "class Processor:", "class Normaliser:")
    other = commit(project)
    git(project, "checkout", "--quiet", "HEAD~1")
    code, said = compare(project, other)
    assert code == 2
    assert "NOT MEASURED" in said
    failures = said.partition("\nFAILED\n")[2].splitlines()
    assert failures[0].startswith(
        f"  poller, round 1, {other}: its poller is not one that bench/measuring/poller_cost.py knows"
    )


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        # Turned into the same exception (`tests/bench/host/test_processes.py`).
        *(pytest.param(its, marks=pytest.mark.long("bench", "gateway", "market", "poller")) for its in HANG_UPS),
    ],
)
def test_an_interrupted_comparison_tidies_up(project: Path, number: signal.Signals) -> None:
    """It shows what it has, and leaves no worktree."""
    with start(project, "--against", "HEAD", "--rounds", "99", "--seconds", "0.2", "--scenario", "poller") as bench:
        assert bench.stdout is not None
        told = iter(bench.stdout.readline, "")
        assert next((line for line in told if line.startswith("poller poller of ") and "(2/99)" in line), None)
        bench.send_signal(number)
        said, complaint = bench.communicate(timeout=60)
    assert (bench.returncode, complaint) == (130, "")
    assert "this ÷ that" in said
    assert untouched(project)


@pytest.mark.parametrize("revision", ["no-such-commit", "HEAD~100"])
def test_an_unknown_commit_is_refused(project: Path, revision: str) -> None:
    """One line with the fix, exit code 2, and nothing is measured."""
    with start(project, "--against", revision) as bench:
        said, complaint = bench.communicate(timeout=60)
    assert (bench.returncode, said, complaint.count("\n")) == (2, "", 1)
    assert complaint.startswith(f"bench: this repository has no commit {revision!r}: ")
    assert untouched(project)


def test_a_tree_without_git_is_refused(project: Path) -> None:
    """It was unpacked from an archive."""
    shutil.rmtree(project / ".git")
    with start(project, "--against", "HEAD") as bench:
        said, complaint = bench.communicate(timeout=60)
    assert (bench.returncode, said, complaint.count("\n")) == (2, "", 1)
    assert "git clone" in complaint


@pytest.mark.parametrize(("argument", "word"), [("--contender=gateway", "--contender"), ("--rounds=1", "two rounds")])
def test_options_that_cannot_be_compared_are_refused(
    argument: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, as for every wrong command line."""
    with pytest.raises(SystemExit) as refusal:
        main(["--against", "HEAD", argument])
    assert refusal.value.code == 2
    assert word in capsys.readouterr().err
