"""``LOG_LEVELS``: the levels of single parts of a program, above or below ``LOG_LEVEL``."""

import importlib.util
import re
from typing import Final, get_args

from market.process.logs import ACCESS_LOG, LogLevel, LogLevels
from market.process.version import TOP
from market.settings.environ import SettingError, same, shown

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_OURS: Final = ("market", "poller", "gateway", "deploy")
_NAMED: Final = frozenset({ACCESS_LOG, "uncaught", "gunicorn.error", "gunicorn.access"})
"""Loggers that are no modules."""


def log_levels(value: str) -> LogLevels:
    """Each part with its level: ``gateway.client=debug,poller.stream=info``. A part is a package or a module.

    Raises:
        SettingError: there is no such part, or no such level.
    """
    levels: dict[str, LogLevel] = {}
    for entry in filter(None, (part.strip() for part in value.split(","))):
        name, _, word = map(str.strip, entry.partition("="))
        level = next((one for one in get_args(LogLevel) if same(word, one)), None)
        if level is None:
            raise SettingError(
                f"LOG_LEVELS has {shown(entry)}; write gateway.client=DEBUG, or another of"
                f" {', '.join(get_args(LogLevel))}, with commas between them"
            )
        if not _exists(name):
            raise SettingError(
                f"LOG_LEVELS names {shown(name)}, and no part has that name; write the one that a line of the log has,"
                " as gateway.client.client, or its beginning, as gateway.client"
            )
        levels[name] = level
    return tuple(levels.items())


def _exists(name: str) -> bool:
    if name in _NAMED:
        return True
    if not _NAME.fullmatch(name):
        return False
    top, *below = name.split(".")
    if top not in _OURS:
        # Only whether there is such a library: what it calls its loggers is its own affair.
        return importlib.util.find_spec(top) is not None
    path = TOP.joinpath(top, *below)
    return path.is_dir() or path.with_suffix(".py").is_file()
