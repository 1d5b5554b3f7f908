"""The words beside the types: docstrings of classes, and those below their fields."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from types import ModuleType

_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


def of_class(kind: type) -> str:
    """The docstring of a class, as one paragraph for each of its own."""
    paragraphs = (inspect.getdoc(kind) or "").split("\n\n")
    return "\n\n".join(map(plain, paragraphs))


def of_fields(kind: type) -> Mapping[str, str]:
    """Field → the docstring below it, also of fields that come from a base. None where there is no source."""
    words: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        module: ModuleType | None = inspect.getmodule(base)
        if module is not None and module.__name__.split(".")[0] in ("gateway", "market"):
            words.update(_below_fields(module, base.__name__))
    return words


def _below_fields(module: ModuleType, name: str) -> Iterator[tuple[str, str]]:
    for node in _source(module):
        if isinstance(node, ast.ClassDef) and node.name == name:
            for field, behind in pairwise(node.body):
                match field, behind:
                    case (
                        ast.AnnAssign(target=ast.Name(id=str(word))),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        yield word, plain(text)


@cache
def _source(module: ModuleType) -> Sequence[ast.stmt]:
    try:
        return ast.parse(inspect.getsource(module)).body
    except OSError:
        return ()


def plain(text: str) -> str:
    """A docstring as one line of Markdown; links lead nowhere here."""
    return _LINK.sub(r"\1", re.sub(r"``(.+?)``", r"`\1`", " ".join(text.split())))
