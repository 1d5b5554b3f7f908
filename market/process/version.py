"""The version of tickgate. It stands in one place: ``setup.cfg``."""

import configparser
from importlib import metadata
from pathlib import Path
from typing import Final

NAME: Final = "tickgate"
TOP: Final = Path(__file__).resolve().parents[2]
"""The folder that has our packages: the top of a source tree, or ``site-packages``."""


def version(top: Path = TOP) -> str:
    """The version of the code in ``top``; ``unknown`` if neither a source tree nor an installer says it.

    A source tree comes first: an installed version beside it may be another one.
    """
    if (told := _of_source_tree(top)) is not None:
        return told
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return "unknown"


def is_source_tree(top: Path = TOP) -> bool:
    """Whether ``top`` is a source tree of tickgate, and not a folder that it is installed in."""
    return _of_source_tree(top) is not None


def _of_source_tree(top: Path) -> str | None:
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(top / "setup.cfg", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return None
    if config.get("metadata", "name", fallback="") != NAME:
        return None
    return config.get("metadata", "version", fallback=None)
