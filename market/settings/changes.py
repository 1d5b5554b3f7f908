"""Differences between a program's settings before, its settings now, and those that were wanted."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from market.process import logs
from market.process.logs import LogLevel, LogLevels

_NAMED_AT_MOST: Final = 10


def announce(
    logger: logging.Logger,
    before: Mapping[str, object],
    after: Mapping[str, object],
    wanted: Mapping[str, object],
    *,
    level: LogLevel,
    levels: LogLevels = (),
    others: Sequence[str] = (),
) -> None:
    """Log the differences in ``after``, and the ``wanted`` settings that are not in it; then log by ``level``.

    ``levels`` are those of single loggers. Each table maps the same variables to their values. Nothing that may be a
    secret is shown. ``others`` are changes without a variable.
    """
    applied = [described(name, before[name], after[name]) for name in differing(before, after)]
    # At the more verbose of the two levels.
    if not logger.isEnabledFor(logging.INFO):
        logs.set_levels(level, levels)
    logger.info("settings read again: %s", ", ".join((*applied, *others)) or "nothing has changed")
    if refused := differing(after, wanted):
        logger.warning("only a restart can change these, so they stay as they were: %s", ", ".join(refused))
    logs.set_levels(level, levels)


def differing(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """The variables whose values differ."""
    return [name for name, value in old.items() if value != new[name]]


def described(name: str, old: object, new: object) -> str:
    """A change for the log: with the new value if it is a number or a level, and with the symbols that come or go."""
    if name == "SYMBOLS" and isinstance(old, tuple) and isinstance(new, tuple):
        both = ("+", _without(new, old)), ("-", _without(old, new))
        signed = [sign + _names(names) for sign, names in both if names]
        return " ".join((name, *signed))
    # Text may be a secret, or hold one; a number of ours never is.
    if isinstance(new, bool):
        return f"{name} {new:d}"
    if isinstance(new, int | float):
        return f"{name} {new:.12g}"
    if name == "LOG_LEVELS" and isinstance(new, tuple):
        return f"{name} {','.join('='.join(pair) for pair in new)}".rstrip()
    return f"{name} {new}" if name == "LOG_LEVEL" else name


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ",".join(names[:_NAMED_AT_MOST]) + more


def _without(names: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    held = frozenset(others)
    return [name for name in names if name not in held]
