"""Long tests are left out unless asked for, and run again when what they cover has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.long_runs import ROOT, covered, digest, read_record, write_record

OPTIONS = ("-q", "-p", "no:cacheprovider", "--strict-markers")

INI = """
[pytest]
markers =
    long(*paths): takes minutes
"""

CONFTEST = """
import os
from pathlib import Path
from tests.long_runs import LongRuns

def pytest_addoption(parser):
    parser.addoption("--long", default="")

def pytest_configure(config):
    writes = not os.environ.get("CI")
    config.pluginmanager.register(LongRuns(config.getoption("long"), record_passes=writes, root=Path(__file__).parent))
"""

TESTS = """
import pytest
from ours import near

@pytest.mark.long("programs")
def test_long():
    assert near.RIGHT

def test_short():
    pass
"""


class Tree:
    """A small tree of its own, with one long test and one short one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, text in {
            "pytest.ini": INI,
            "conftest.py": CONFTEST,
            "constraints.txt": "this==1\n",
            "ours/__init__.py": "",
            "ours/near.py": "from ours import far\nRIGHT = far.RIGHT\n",
            "ours/far.py": "RIGHT = True\n",
            "ours/unrelated.py": "",
            "programs/one/main.py": "",
            "test_tree.py": TESTS,
            "tests/long_runs.txt": "",
        }.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def run(self, *arguments: str, ci: bool = False) -> tuple[int, str]:
        """pytest's exit code, and the last line that it writes."""
        environ = {name: value for name, value in os.environ.items() if name != "CI" and "PYTEST" not in name}
        done = subprocess.run(
            (sys.executable, "-m", "pytest", *OPTIONS, "--rootdir", self.root, *arguments, "test_tree.py"),
            cwd=self.root,
            env=environ
            | {"PYTHONPATH": f"{ROOT}:{self.root}", "PYTHONDONTWRITEBYTECODE": "1"}
            # What other plugins import takes three times as long as all the rest.
            | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            | ({"CI": "true"} if ci else {}),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.splitlines()[-1].rpartition(" in ")[0]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Make a small tree with a long test in it."""
    return Tree(tmp_path)


def test_a_long_test_is_left_out_unless_asked_for(tree: Tree) -> None:
    """Without the option the others run; with it, the long ones do too."""
    assert tree.run() == (0, "1 passed, 1 deselected")
    assert tree.run("--long=all") == (0, "2 passed")


def test_what_has_passed_on_the_same_is_not_run_again(tree: Tree) -> None:
    """It is when a module has changed that its file imports over another; that nothing had to run is a success."""
    changed = ("--long=changed", "-m", "long")
    assert tree.run(*changed) == (0, "1 passed, 1 deselected")
    assert tree.run(*changed) == (0, "2 deselected")
    tree.write("ours/unrelated.py", "CHANGED = True\n")
    assert tree.run(*changed) == (0, "2 deselected")
    tree.write("ours/far.py", "RIGHT = False\n")
    assert tree.run(*changed) == (1, "1 failed, 1 deselected")
    # What has failed is due again.
    assert tree.run(*changed) == (1, "1 failed, 1 deselected")


def test_ci_leaves_the_record_as_it_is(tree: Tree) -> None:
    """There the tree is not to be changed, so what is due is due every time."""
    for _ in range(2):
        assert tree.run("--long=changed", "-m", "long", ci=True) == (0, "1 passed, 1 deselected")
    assert read_record(tree.root / "tests" / "long_runs.txt") == {}


@pytest.mark.parametrize(
    "path", ["ours/far.py", "ours/__init__.py", "programs/one/main.py", "constraints.txt", "test_tree.py"]
)
def test_every_change_that_matters_changes_the_digest(tree: Tree, path: str) -> None:
    """Of modules, their packages, programs, versions and the test itself; of a name as well as of bytes."""

    def now() -> str:
        return digest(covered(tree.root / "test_tree.py", ("programs",), tree.root), tree.root)

    before = now()
    tree.write(path, (tree.root / path).read_text() + "\n")
    after = now()
    assert after != before
    (tree.root / "programs" / "one").rename(tree.root / "programs" / "two")
    assert now() != after


def test_a_path_that_is_not_there_is_an_error(tree: Tree) -> None:
    """A folder that was renamed would be covered no longer, and nobody would notice."""
    with pytest.raises(FileNotFoundError, match="names gone"):
        covered(tree.root / "test_tree.py", ("gone",), tree.root)


def test_the_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Names of tests with spaces included; where there is no record, nothing has passed."""
    path = tmp_path / "record"
    assert read_record(path) == {}
    record = {"a.py::test[with spaces]": "0" * 64, "b.py::test": "1" * 64}
    write_record(record, path)
    assert read_record(path) == record


def test_the_long_conformance_run_covers_the_reader() -> None:
    """What the echo server is made of, though the test does not name it."""
    names = {str(path.relative_to(ROOT)) for path in covered(ROOT / "tests" / "gateway" / "test_conformance.py")}
    assert {
        "gateway/websocket/framing/parser.py",
        "gateway/websocket/framing/inflate.py",
        "tests/echo.py",
        "constraints.txt",
    } <= names
    assert "gateway/fanout/hub.py" not in names
