"""Print the part of ``constraints.txt`` that some extras need: versions and hashes, for `pip install --requirement`.

    python deploy/locked.py EXTRA,EXTRA >requirements.txt

pip accepts hashes in requirements only. With hashes in constraints it refuses a package that is installed from a
folder, as tickgate itself is. And one environment does not need the whole of ``constraints.txt``. So this script
follows the comments ``# via NAME`` from the packages that setup.cfg names. It runs before anything is installed.
"""

import configparser
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent

_FIRST_LINE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==")
_VIA: Final = re.compile(r" +#(?: via)? +([A-Za-z0-9][A-Za-z0-9._-]*)(?: \(.*\))?")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class LockError(Exception):
    """A file, or an extra, that cannot be used; the message names it and the fix."""


class Locked(NamedTuple):
    """One package of ``constraints.txt``."""

    lines: list[str]
    """Version, marker and hashes."""
    via: set[str]
    """The packages that need it."""


def requirements(extras: Iterable[str], root: Path = ROOT) -> str:
    """The lines for these extras of tickgate, for what it needs without them, and for what installs it.

    Raises:
        LockError: setup.cfg has no such extra, or ``constraints.txt`` lacks a package.
    """
    locked = parse((root / "constraints.txt").read_text(encoding="utf-8"))
    needed = wanted(extras, root)
    if missing := sorted(needed - locked.keys()):
        raise LockError(f"constraints.txt lacks {', '.join(missing)}; run: make constraints")
    while more := {name for name, package in locked.items() if package.via & needed} - needed:
        needed |= more
    return "".join("".join(locked[name].lines) for name in sorted(needed))


def wanted(extras: Iterable[str], root: Path = ROOT) -> set[str]:
    """The packages that setup.cfg names for these extras and without them, and setuptools.

    Raises:
        LockError: it has no such extra.
    """
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg", encoding="utf-8")
    offered = config["options.extras_require"]
    text = config["options"]["install_requires"]
    for extra in extras:
        if extra not in offered:
            raise LockError(f"setup.cfg has no extra {extra!r}; it has {', '.join(offered)}")
        text += "\n" + offered[extra]
    lines = (line.strip() for line in text.splitlines())
    return {"setuptools"} | {_name(line) for line in lines if line and not line.startswith("#")}


def parse(text: str) -> dict[str, Locked]:
    """Each package of ``constraints.txt``, as uv writes it."""
    packages: dict[str, Locked] = {}
    package: Locked | None = None
    for line in text.splitlines(keepends=True):
        if match := _FIRST_LINE.match(line):
            # A package may stand there twice, with one version for an older Python.
            package = packages.setdefault(_name(match[1]), Locked([], set()))
            package.lines.append(line)
        elif package is not None and line.lstrip().startswith("--hash="):
            package.lines.append(line)
        elif package is not None and (match := _VIA.fullmatch(line.rstrip("\n"))):
            package.via.add(_name(match[1]))
    return packages


def _name(requirement: str) -> str:
    """The normal form of the name that a requirement begins with."""
    match = _NAME.match(requirement)
    if match is None:
        raise LockError(f"{requirement!r} does not begin with a name; fix setup.cfg")
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def main() -> int:
    """Print the lines; the exit code is 0, or 2 on an error."""
    try:
        print(requirements([extra for extra in "".join(sys.argv[1:]).split(",") if extra]), end="")
    except LockError as error:
        print(f"deploy/locked.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
