"""Tests that take minutes: left out unless asked for, and the record of what they last passed on.

A test marked `long` covers the modules that its file imports, directly or not, the versions in ``constraints.txt``, and
the paths that the mark names: those of programs that it starts. A digest of all that is recorded when it passes. Where
the digest is another than the recorded one, what the test covers has changed since. That needs no history of commits,
is right in any clone, and errs by running a test once too often, never by leaving it out.
"""

import ast
import hashlib
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECORD = "tests/long_runs.txt"


def covered(test_file: Path, also: tuple[str, ...] = (), root: Path = ROOT) -> list[Path]:
    """Every file that has a say in whether the tests of ``test_file`` pass, in order.

    ``also`` are paths below ``root``, of files or of folders.

    Raises:
        FileNotFoundError: there is nothing at such a path.
    """
    found = {test_file, root / "constraints.txt"}
    waiting = [test_file]
    for path in also:
        there = root / path
        if not there.exists():
            raise FileNotFoundError(f"{test_file.name}: its mark names {path}, which does not exist")
        below = there.rglob("*") if there.is_dir() else [there]
        found.update(file for file in below if file.is_file() and "__pycache__" not in file.parts)
    while waiting:
        new = set(_imported(waiting.pop(), root)) - found
        found |= new
        waiting.extend(new)
    return sorted(found)


def _imported(module: Path, root: Path) -> Iterator[Path]:
    """The modules of ours that a module imports, and the packages above them."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # What is imported from a package may be a module of it.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                place = root.joinpath(*parts[:end])
                yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())


def digest(files: list[Path], root: Path = ROOT) -> str:
    """Another whenever a file has another name or other bytes."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.relative_to(root)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def read_record(path: Path) -> dict[str, str]:
    """Test -> digest of what it last passed on."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {test: recorded for recorded, test in (line.split(" ", 1) for line in lines)}


def write_record(record: Mapping[str, str], path: Path) -> None:
    """The other way round."""
    lines = (f"{recorded} {test}\n" for test, recorded in sorted(record.items()))
    path.write_text("".join(lines), encoding="utf-8")


class LongRuns:
    """A plugin for pytest: `--long all` lets long tests run, `--long changed` those whose record is out of date."""

    def __init__(self, which: str, *, record_passes: bool, root: Path = ROOT) -> None:
        """``which`` is what `--long` says. The record stays as it is unless ``record_passes``."""
        self._which = which
        self._record_passes = record_passes
        self._root = root
        self._record = root / RECORD
        self._digests: dict[str, str] = {}
        self._passed: dict[str, str] = {}
        self._left_out = 0

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what is not to run."""
        recorded = read_record(self._record)
        left_out = []
        for item in items:
            mark = item.get_closest_marker("long")
            if mark is None:
                continue
            if self._which:
                self._digests[item.nodeid] = digest(covered(item.path, mark.args, self._root), self._root)
            if not self._which or (
                self._which == "changed" and recorded.get(item.nodeid) == self._digests[item.nodeid]
            ):
                left_out.append(item)
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]
        self._left_out = len(left_out)

    def pytest_report_collectionfinish(self) -> str | None:
        """Say what is left out, and why."""
        if not self._left_out:
            return None
        why = "what they cover has not changed since they passed" if self._which else "make test-long"
        return f"long tests left out: {self._left_out} ({why})"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call" and report.passed and item.nodeid in self._digests:
            self._passed[item.nodeid] = self._digests[item.nodeid]
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Record what passed. That nothing had to run is a success."""
        if self._passed and self._record_passes:
            write_record(read_record(self._record) | self._passed, self._record)
        if self._which == "changed" and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
