"""Figures of a small package."""

from pathlib import Path

from tests.tree_figures import code_lines, folded, imports_of, longest_chain, modules_of


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
