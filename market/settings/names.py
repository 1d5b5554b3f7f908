"""Names that are likely meant for settings of ours, and are none: another program's, and near misses."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final, get_args

from market.process.logs import LogLevel

OTHERS: Final = {
    "REDIS_URL": "BUS_URL",
    "REDIS_URI": "BUS_URL",
    "REDIS_HOST": "BUS_URL",
    "REDIS_PORT": "BUS_URL",
    "REDIS_PASSWORD": "BUS_URL",
    "VALKEY_URL": "BUS_URL",
    "VALKEY_HOST": "BUS_URL",
    "PORT": "GATEWAY_PORT",
    "HOST": "GATEWAY_HOST",
    "LOGLEVEL": "LOG_LEVEL",
}
"""What other programs call a setting of ours."""

_OURS: Final = "TICKGATE_"
_LONGEST: Final = 40
"""A longer name is no slip of the pen."""
_LEVELS: Final = frozenset(get_args(LogLevel))
_ADDRESS: Final = re.compile(r"[0-9.]{7,15}|[0-9a-fA-F:]*::?[0-9a-fA-F:.]*|localhost")
_LINKS: Final = re.compile(
    r".*_(SERVICE_HOST=|SERVICE_PORT(_.*)?=|PORT=[a-z]+://|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?=|NAME=/|ENV_.*=).*"
)
"""What Kubernetes and Docker set for a service, or a container, that is called as we are."""


def suggestion(name: str, known: Collection[str]) -> str:
    """What to write in place of ``name``, which is no setting."""
    meant = OTHERS.get(name) or nearest(name, known)
    return f"did you mean {meant}?" if meant else "docs/configuration.md lists them"


def mistaken(
    environ: Mapping[str, str], reads: Collection[str], known: Collection[str], told: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """The variables of ``environ`` that are likely meant for one of ``reads``, each with that one.

    ``reads`` are the variables of one program, and ``known`` those of all. A name that begins as ours, and is none, is
    found in any case; its second part may be empty. What other names may be meant for is none of those that are set, in
    ``environ`` or elsewhere (``told``).
    """
    for name in sorted(environ):
        if name in known or len(name) > _LONGEST or is_link(name, environ[name]):
            continue
        if name.startswith(_OURS):
            bare = name.removeprefix(_OURS)
            yield name, bare if bare in known else nearest(name, known)
            continue
        meant = OTHERS[name] if name in OTHERS else nearest(name, reads)
        if meant in reads and meant not in environ and meant not in told and _means(name, environ[name]):
            yield name, meant


def is_link(name: str, value: str) -> bool:
    """Whether Kubernetes or Docker has set it, to say where a service is."""
    return _LINKS.fullmatch(f"{name}={value}") is not None


def nearest(name: str, known: Collection[str]) -> str:
    """The one of ``known`` that ``name`` is a slip of; empty if there is none.

    A short name has many neighbours that mean something: of one only an S at its end may be too many or missing.
    """
    if not re.fullmatch("[A-Z][A-Z0-9_]*", name) or len(name) > _LONGEST:
        return ""
    best, least = "", 3
    for candidate in sorted(known):
        if candidate.endswith("_PROXY"):
            continue  # other programs have FTP_PROXY and ALL_PROXY
        if f"{name}S" == candidate or name == f"{candidate}S":
            return candidate
        # Numbered names differ by their number.
        most = 0 if len(candidate) < 7 or name[-1].isdigit() else 2 if len(candidate) >= 10 else 1
        if (far := _distance(name, candidate, most)) <= most and far < least:
            best, least = candidate, far
    return best


def _means(name: str, value: str) -> bool:
    """Whether the value of another program's variable could be one of ours."""
    match name:
        case "PORT":
            return value.isascii() and value.isdecimal()
        case "HOST":
            # Shells and compilers put the machine's name or kind there.
            return _ADDRESS.fullmatch(value) is not None
        case "LOGLEVEL":
            return value.strip().upper() in _LEVELS
    return True


def _distance(one: str, other: str, most: int) -> int:
    """Letters to insert, remove, replace or swap with their neighbour (optimal string alignment); or above ``most``."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, its in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
