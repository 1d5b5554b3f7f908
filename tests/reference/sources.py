"""Words that stand beside the code: docstrings of fields, comments beside the values of a Literal."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent.parent


def source(module: ModuleType) -> str:
    """The text of a module."""
    assert module.__file__ is not None
    return Path(module.__file__).read_text(encoding="utf-8")


class Docs(dict[str, str]):
    """Name -> docstring."""

    def __init__(self, where: str, docs: Iterable[tuple[str, str]]) -> None:
        super().__init__(docs)
        self._where = where

    def __missing__(self, name: str) -> str:
        """Say what is to be done."""
        raise MissingWordsError(f"{self._where} has no docstring below {name}; write what it means, for docs/")


class MissingWordsError(Exception):
    """The reference lacks words that belong beside the code."""


def field_docs(module: ModuleType, owner: str | None = None) -> Docs:
    """The docstrings below what is assigned in the class ``owner``, or at the top of the module."""
    tree: ast.Module | ast.ClassDef = ast.parse(source(module))
    if owner is not None:
        tree = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner)
    return Docs(f"{module.__name__}.{owner}" if owner else module.__name__, _documented(tree.body))


def _documented(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for node, behind in pairwise(body):
        match node, behind:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, markdown(text)


def comments_of(module: ModuleType, name: str) -> dict[str, str]:
    """Value -> the comment behind it, of every value of ``name = Literal[...]``; "" where there is none."""
    text = source(module)
    node = next(
        node for node in ast.parse(text).body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    comments = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    values = [each for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
    return {str(each.value): comments.get(each.lineno, "") for each in values}


def markdown(text: str) -> str:
    """A docstring as one paragraph of Markdown."""
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(text.split())).replace("10**", "10^")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """``text`` in the type of code; a dash for nothing."""
    return f"`{text}`" if text else "–"
