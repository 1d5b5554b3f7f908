"""Figures of a small package."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.tree_figures import code_lines, folded, imports_of, longest_chain, modules_of

ROOT = Path(__file__).parent.parent


def test_chains_are_followed_through_modules_and_through_packages(tmp_path: Path) -> None:
    """Imports inside of functions count, those of other packages do not."""
    files = {
        "ours/__init__.py": "",
        "ours/top.py": "import os\nfrom ours.low.first import x",
        "ours/low/first.py": "def f():\n    from ours.low import second\n",
        "ours/low/second.py": "import theirs.ours\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    modules = modules_of(tmp_path, "ours")
    assert ["ours.low.first", "ours.low.second", "ours.top"] == list(modules)
    graph = imports_of(modules)
    assert ["ours.top", "ours.low.first", "ours.low.second"] == longest_chain(graph)
    assert ["top", "low"] == longest_chain(folded(graph))


def test_lines_of_code_are_those_that_do_something() -> None:
    """Blank lines, comments and docstrings are none; each line of a long expression or text is one."""
    text = '''"""What it is.

Of two lines."""

import os  # a comment beside code

# a comment alone
X = (
    1,
)
"""What X is."""
Y = """a
b"""
'''
    assert 6 == code_lines(text)


@pytest.mark.parametrize("package", ["gateway", "poller", "market"])
def test_the_figures_of_the_design_are_those_of_the_tree(package: str) -> None:
    """Modules, how they are spread, and how far an import goes: in each package's table, the last column."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text[text.index(f"`{package}/` has ") :]
    modules = modules_of(ROOT, package)
    counts = Counter(name.rpartition(".")[0] for name in modules)
    graph = imports_of(modules)
    chain, packages = longest_chain(graph), longest_chain(folded(graph))
    top, most = counts[package], max(counts.values())
    for row, figures in (
        ("modules", f"{len(modules)}: {top} at the top, at most {most} in a folder"),
        ("the longest chain of imports", f"{len(chain)} modules, in {len(packages)} packages"),
    ):
        found = re.search(rf"^\| {row} \|[^|]*\| (.*) \|$", table, re.MULTILINE)
        assert found
        assert found[1].startswith(figures), (row, found[1])
