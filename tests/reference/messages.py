"""What the programs say: every text in their code, with ``…`` in the place of what differs."""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.reference.sources import ROOT

PROGRAMS = ("market", "poller", "gateway", "deploy", "clients/python/tickgate_client")
ELLIPSIS = "…"


def texts_in(source: str) -> Iterator[str]:
    """The texts in a module that are no docstrings; a value that is put into one is ``…``."""
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docs | parts:
                yield re.sub(r"%(?:\(\w+\))?(?:\.\d+)?[sdgrf]", ELLIPSIS, text)
            case ast.JoinedStr(values=values):
                yield _joined(values)


def _joined(values: Sequence[ast.expr]) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else ELLIPSIS for part in values)


@cache
def texts() -> frozenset[str]:
    """Those of all programs."""
    modules = (module for program in PROGRAMS for module in Path(ROOT / program).rglob("*.py"))
    return frozenset(text for module in modules for text in texts_in(module.read_text(encoding="utf-8")))


def is_said(message: str) -> bool:
    """Whether some program says ``message``; ``…`` in it stands for anything, also for nothing."""
    words = [re.escape(part.strip()) for part in message.split(ELLIPSIS)]
    pattern = re.compile(".*".join(words), re.DOTALL)
    return any(pattern.fullmatch(text) for text in texts())
