"""Copies of the two trees of a comparison."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.host.processes import ROOT
from bench.host.trees import PACKAGES, TreeError, compared, find


def git(root: Path, *arguments: str) -> str:
    """Run git as somebody who has a name, and whose own configuration does not matter."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    done = subprocess.run(
        ["git", "-C", str(root), *who, *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real one, with three packages, two commits and a change that is not committed."""
    # Copies are made where the test can see them, and see them gone.
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet")
    for package in PACKAGES:
        (root / package).mkdir()
        (root / package / "__init__.py").write_text("which = 'first'\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "first")
    (root / "gateway" / "__init__.py").write_text("which = 'second'\n")
    git(root, "commit", "--quiet", "--all", "--message", "second")
    (root / "gateway" / "__init__.py").write_text("which = 'uncommitted'\n")
    (root / "gateway" / "new.py").write_text("")
    return root


def left_behind(root: Path) -> list[str]:
    """Worktrees beside the repository's own, and copies."""
    known = git(root, "worktree", "list", "--porcelain").splitlines()
    worktrees = [line for line in known if line.startswith("worktree ")][1:]
    return worktrees + [path.name for path in (root.parent / "tmp").iterdir()]


def test_both_trees_are_there_with_what_is_not_committed(repository: Path) -> None:
    """The commit's as committed, this one as it lies there, new files too."""
    with compared("HEAD~1", repository) as (this, that):
        assert "first" in (that.root / "gateway" / "__init__.py").read_text()
        assert "uncommitted" in (this.root / "gateway" / "__init__.py").read_text()
        assert (this.root / "gateway" / "new.py").exists()
        assert that.label == git(repository, "rev-parse", "--short", "HEAD~1")


def test_who_goes_on_editing_does_not_change_what_is_measured(repository: Path) -> None:
    """This tree is copied at the start."""
    with compared("HEAD", repository) as (this, _):
        (repository / "gateway" / "__init__.py").write_text("which = 'edited'\n")
        assert "uncommitted" in (this.root / "gateway" / "__init__.py").read_text()


def test_the_repository_is_as_before(repository: Path) -> None:
    """No worktree is left, no copy, and what was not committed is untouched."""
    before = git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")
    with compared("HEAD", repository) as trees:
        for tree in trees:
            # What a run leaves there must not keep the worktree from going.
            (tree.root / "gateway" / "left.log").write_text("x")
    assert left_behind(repository) == []
    assert (git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")) == before


@pytest.mark.parametrize("ending", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_a_failure(repository: Path, ending: type[BaseException]) -> None:
    """However the block ends."""
    with pytest.raises(ending), compared("HEAD", repository):
        raise ending
    assert left_behind(repository) == []


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_a_signal(repository: Path, number: signal.Signals) -> None:
    """A real process that is ended, while it works and once more while it tidies up."""
    script = (
        "import pathlib, signal, sys, tempfile, time\n"
        "from bench.host.trees import compared\n"
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "tempfile.tempdir = sys.argv[2]\n"
        "with compared('HEAD', pathlib.Path(sys.argv[1])):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    argv = [sys.executable, "-c", script, str(repository), str(repository.parent / "tmp")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(number)
        child.send_signal(number)
        child.wait(20)
    assert left_behind(repository) == []


@pytest.mark.parametrize("revision", ["no-such-branch", "deadbeef", "", "--all", "HEAD..HEAD~1", "HEAD:gateway"])
def test_what_is_not_a_commit_is_refused_by_name(repository: Path, revision: str) -> None:
    """Unknown ones, options, ranges and files; in one line, with the fix."""
    with pytest.raises(TreeError, match="git log") as refusal, compared(revision, repository):
        pass
    assert repr(revision) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert left_behind(repository) == []


@pytest.mark.parametrize("revision", ["HEAD", "HEAD~1", "v1", "side", "@{0}"])
def test_any_revision_will_do(repository: Path, revision: str) -> None:
    """Branches, annotated tags and what git makes of an expression."""
    git(repository, "tag", "--annotate", "--message", "one", "v1")
    git(repository, "branch", "side")
    assert git(repository, "rev-parse", "--short", f"{revision}^{{commit}}") == find(revision, repository)


def test_a_tree_without_git_is_refused(tmp_path: Path) -> None:
    """An unpacked archive has no commits."""
    with pytest.raises(TreeError, match="git clone"):
        find("HEAD", tmp_path)


def test_a_tree_within_another_s_repository_is_refused(repository: Path) -> None:
    """An archive unpacked there must not be compared with commits of something else."""
    with pytest.raises(TreeError, match="git clone"):
        find("HEAD", repository / "gateway")


def test_a_machine_without_git_is_reported(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is named."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TreeError, match="no program git"):
        find("HEAD", repository)


def test_a_commit_without_the_packages_is_refused(repository: Path) -> None:
    """Python would find them elsewhere, and another tree would be measured in its name."""
    git(repository, "rm", "--quiet", "-r", "--cached", "poller")
    git(repository, "commit", "--quiet", "--message", "no poller")
    commit = find("HEAD", repository)
    with pytest.raises(TreeError, match=f"{commit} has no package poller"), compared("HEAD", repository):
        pass
    assert left_behind(repository) == []


def test_hooks_of_the_repository_do_not_run(repository: Path) -> None:
    """A checkout for a measurement is nobody's work."""
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repository}/ran\n")
    hook.chmod(0o755)
    with compared("HEAD", repository):
        assert not (repository / "ran").exists()


def test_a_hook_may_run_the_bench(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git's own variables, which a hook has, do not lead to another repository."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert find("HEAD", repository)
