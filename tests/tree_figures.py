"""The shape of a package in figures: ``python -m tests.tree_figures [PACKAGE] [ROOT]``.

Prints the number of modules in each folder, the longest files, and the longest chain of imports between modules and
between the folders below the package. ``ROOT`` may be a checkout of another commit.
"""

import ast
import sys
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from functools import cache
from pathlib import Path


def modules_of(root: Path, package: str) -> dict[str, Path]:
    """Dotted name → file, of every module but those that only say what is in a folder."""
    files = sorted((root / package).rglob("*.py"))
    return {".".join(file.relative_to(root).with_suffix("").parts): file for file in files if file.stem != "__init__"}


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


def main() -> None:
    """Print the figures."""
    package, root = [*sys.argv[1:], "gateway", "."][:2] if len(sys.argv) != 2 else (sys.argv[1], ".")
    modules = modules_of(Path(root), package)
    graph = imports_of(modules)
    lengths = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in modules.items()}
    lines = [f"{len(modules)} modules, {sum(lengths.values())} lines"]
    lines += [f"{count:3} {folder}" for folder, count in sorted(Counter(n.rpartition(".")[0] for n in modules).items())]
    lines += [f"{length:3} lines: {name}" for name, length in sorted(lengths.items(), key=lambda item: -item[1])[:5]]
    for what, each in (("modules", graph), ("packages", folded(graph))):
        chain = longest_chain(each)
        lines.append(f"longest chain of {what}, {len(chain)}: {' > '.join(chain)}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
