"""Likely mistakes in a program's environment: a line of its log for each, at its start."""

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from market.process.events import SETTING_DOUBTFUL, SETTINGS_DOUBTFUL
from market.process.printable import printable
from market.settings.config import CONFIG, KNOWN, read_usable
from market.settings.names import OTHERS, mistaken

_MOST: Final = 10
"""Lines for one start."""
_KEYS: Final = ("JWT_SECRET", "JWT_PUBLIC_KEY_FILE", "JWT_JWKS_URL")
_ADDRESS: Final = "redis://[user:password@]host:port/db"


def likely_mistakes(environ: Mapping[str, str], reads: Collection[str]) -> Iterator[str]:
    """One line for each variable that is likely meant for one of ``reads``, the variables of one program.

    No line shows a value: it may be a secret.
    """
    in_file, _ = read_usable(environ)
    for name, meant in mistaken(environ, reads, KNOWN | {CONFIG}, in_file):
        shown = printable(name)
        if name in OTHERS:
            like = f", like {_ADDRESS}" if meant == "BUS_URL" else ""
            yield f"{shown} is not read here: the variable is {meant}{like}"
        elif meant:
            yield f"{shown} is no setting, and nothing reads it; did you mean {meant}?"
        else:
            yield f"{shown} is no setting, and nothing reads it; see the list of variables in the documentation"
    known = {**{name: entry.value for name, entry in in_file.items()}, **environ}
    unused = [name for name in _KEYS if known.get(name)]
    if unused and "AUTH_MODE" in reads and known.get("AUTH_MODE", "none").strip().lower() == "none":
        yield f"{unused[0]} is set and AUTH_MODE is none: nobody needs a token; set AUTH_MODE=jwt if tokens are meant"


def warn(logger: logging.Logger, environ: Mapping[str, str], reads: Collection[str], *others: str) -> None:
    """Log `likely_mistakes`, and ``others`` before them; empty ones are none."""
    lines = [line for line in (*others, *likely_mistakes(environ, reads)) if line]
    for line in lines[:_MOST]:
        logger.warning(SETTING_DOUBTFUL, line)
    if len(lines) > _MOST:
        logger.warning(SETTINGS_DOUBTFUL, len(lines) - _MOST)


def alone_in_memory(bus_url: str, consequence: str) -> str:
    """What is wrong with ``bus_url`` in a process that holds only one end of the bus; empty if nothing is."""
    if bus_url != "memory://":
        return ""
    return f"BUS_URL memory:// reaches no other process: {consequence}; write {_ADDRESS}"
