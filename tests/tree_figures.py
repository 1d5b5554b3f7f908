"""The shape of a package in figures: ``python -m tests.tree_figures [PACKAGE] [ROOT]``.

Prints the modules and the lines of code of each folder, the longest files, and the longest chain of imports between
modules and between the folders below the package. ``ROOT`` may be a checkout of another commit.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Mapping, Sequence, Set
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

_NO_CODE: Final = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def modules_of(root: Path, package: str) -> dict[str, Path]:
    """Dotted name → file, of every module but those that only say what is in a folder."""
    files = sorted((root / package).rglob("*.py"))
    return {".".join(file.relative_to(root).with_suffix("").parts): file for file in files if file.stem != "__init__"}


def code_lines(text: str) -> int:
    """The lines of a module that have code on them: no blank ones, comments or docstrings."""
    docs = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - docs)


def imports_of(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Module → the modules among these that it imports, at once or later."""
    found: dict[str, set[str]] = {}
    for module, file in modules.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.update((str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)))
        found[module] = (names & modules.keys()) - {module}
    return found


def longest_chain(graph: Mapping[str, Set[str]]) -> list[str]:
    """The longest way along ``graph``, which has no circles."""

    @cache
    def below(node: str) -> list[str]:
        ways = [below(other) for other in sorted(graph[node])]
        return [node, *longest(ways)]

    return longest([below(node) for node in sorted(graph)])


def longest(ways: Sequence[list[str]]) -> list[str]:
    """The longest of ``ways``, the first of several; an empty one where there are none."""
    return max(ways, key=len, default=[])


def folded(graph: Mapping[str, Set[str]]) -> dict[str, set[str]]:
    """The same between the folders and modules right below the package."""
    result: dict[str, set[str]] = {}
    for module, others in graph.items():
        own = module.split(".")[1]
        result.setdefault(own, set()).update({other.split(".")[1] for other in others} - {own})
    return result


def _folder(module: str) -> str:
    return module.rpartition(".")[0]


def main() -> None:
    """Print the figures."""
    package, root = [*sys.argv[1:], "gateway", "."][:2] if len(sys.argv) != 2 else (sys.argv[1], ".")
    modules = modules_of(Path(root), package)
    graph = imports_of(modules)
    texts = {name: file.read_text(encoding="utf-8") for name, file in modules.items()}
    lengths = {name: len(text.splitlines()) for name, text in texts.items()}
    code = {name: code_lines(text) for name, text in texts.items()}
    lines = [f"{len(modules)} modules, {sum(lengths.values())} lines, {sum(code.values())} of code"]
    for folder, names in groupby(sorted(modules, key=_folder), key=_folder):
        own = [code[name] for name in names]
        lines.append(f"{len(own):3} {folder}, {sum(own)} lines of code")
    lines += [f"{length:3} lines: {name}" for name, length in sorted(lengths.items(), key=lambda item: -item[1])[:5]]
    for what, each in (("modules", graph), ("packages", folded(graph))):
        chain = longest_chain(each)
        lines.append(f"longest chain of {what}, {len(chain)}: {' > '.join(chain)}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
