"""How a person types ``tickgate`` here: by the name alone, with its path, or as a module of the source tree."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from market.process.version import NAME, is_source_tree


def typed(python: str = sys.executable, *, in_tree: bool | None = None) -> str:
    """What starts ``tickgate`` with the interpreter ``python``, for a line that a person copies."""
    script = Path(python).with_name(NAME)
    found = shutil.which(NAME)
    if found is not None and Path(found).parent == script.parent:
        return NAME
    if os.access(script, os.X_OK):
        return shlex.quote(_short(script))
    if is_source_tree() if in_tree is None else in_tree:
        return f"{shlex.quote(_short(Path(python)))} -m deploy"
    return NAME


def _short(path: Path) -> str:
    """``path`` from here if it is below; with its folder in any case, so that a shell looks nowhere else."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) and path.parent != here else str(path)
