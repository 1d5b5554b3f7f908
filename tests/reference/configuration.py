"""Every variable that can be set: its name, its default, who reads it, and what it means."""

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, structs

import gateway.admission.address
import gateway.admission.binance_settings
import gateway.auth.settings
import gateway.settings
import market.settings.config
import poller.settings
from gateway.settings import Settings
from market.settings.config import CONFIG, FRONT, LAUNCHERS, LOCAL_BUS, POLLERS, PROXIES, SECRET_FILES
from poller.settings import PollerSettings
from poller.venues.registry import VENUES
from tests.reference.sources import ROOT, code, field_docs, markdown, table

HAPROXY = ROOT / "haproxy.cfg"

_NUMBERED = re.compile(r"(TICKGATE_GATEWAY)_(\d+) to _(\d+)")
_HEADER = re.compile(r"^#   (TICKGATE_\w+(?: to _\d+)?) \[(.*)\]\n((?:#       .*\n)+)", re.MULTILINE)
"""A variable in the first lines of ``haproxy.cfg``: name, default and meaning."""

_OTHER_FIELDS = {
    "AUTH_MODE": "mode",
    "FORWARDED_HOPS": "hops",
    "BINANCE_COMPAT_HOSTS": "hosts",
    "BINANCE_COMPAT_STALE": "stale",
}
"""Variables whose field has another name."""

_FIRST = {"BUS_URL", "SYMBOLS", "GATEWAY_HOST", "GATEWAY_PORT", "AUTH_MODE"}
"""First in their tables."""


class Variable(Struct, frozen=True):
    """One row."""

    name: str
    default: str
    reader: str
    meaning: str


def _of_gateway() -> Iterator[Variable]:
    docs = field_docs(gateway.settings, "Settings")
    docs.update(field_docs(gateway.auth.settings, "AuthSettings"))
    docs.update(field_docs(gateway.admission.address, "TrustedProxies"))
    docs.update(field_docs(gateway.admission.binance_settings, "BinanceSettings"))
    for name, value in Settings.from_environ({}).by_variable().items():
        if name.isupper():
            yield Variable(
                name, _shown(value), "gateway", docs[_OTHER_FIELDS.get(name, name.removeprefix("GATEWAY_").lower())]
            )


def _of_poller() -> Iterator[Variable]:
    docs = field_docs(poller.settings, "PollerSettings")
    for venue in VENUES.values():
        docs[venue.rest_variable.lower()] = docs["rest_url"]
        docs[venue.ws_variable.lower()] = docs["ws_url"]
    for name, value in PollerSettings.from_environ({}).by_variable().items():
        yield Variable(name, _shown(value), "poller", docs[name.lower()])


def _of_all() -> Iterator[Variable]:
    docs = field_docs(market.settings.config)
    yield Variable(CONFIG, "", "all", docs["CONFIG"])
    yield Variable(", ".join(sorted(PROXIES)), "", "poller, gateway", docs["PROXIES"])
    yield Variable(", ".join(sorted(LAUNCHERS)), "", "launcher", docs["LAUNCHERS"])
    yield Variable(LOCAL_BUS, "", "launcher", docs["LOCAL_BUS"])
    yield Variable(FRONT, "haproxy", "launcher", docs["FRONT"])


def _of_secret_files() -> Iterator[Variable]:
    for name, meaning in SECRET_FILES.items():
        yield Variable(name, "", "gateway" if name not in POLLERS else "poller, gateway", meaning)


def of_haproxy() -> list[Variable]:
    """What ``haproxy.cfg`` reads, as its first lines have it."""
    found = _HEADER.findall(HAPROXY.read_text(encoding="utf-8"))
    return [Variable(name, default, "HAProxy", markdown(text.replace("#", " "))) for name, default, text in found]


def names_of(variable: Variable) -> list[str]:
    """The names that a row stands for."""
    match = _NUMBERED.fullmatch(variable.name)
    if match is None:
        return variable.name.split(", ")
    return [f"{match[1]}_{number}" for number in range(int(match[2]), int(match[3]) + 1)]


def variables() -> list[Variable]:
    """All of them. What poller and gateway both read is there once."""
    ours = {row.name: row for row in _of_gateway()}
    theirs = {row.name: row for row in _of_poller()}
    shared = ours.keys() & theirs.keys()
    both = [structs.replace(row, reader="poller, gateway") for name, row in ours.items() if name in shared]
    alone = [row for name, row in (theirs | ours).items() if name not in shared]
    return [*both, *_of_all(), *_of_secret_files(), *alone, *of_haproxy()]


def _shown(value: object) -> str:
    match value:
        case bool():
            return str(int(value))
        case str() | int():
            return str(value)
        case float():
            return f"{value:g}"
        case (str(first), None):
            # A feed, and the path of none.
            return first
        case tuple() if value and all(isinstance(each, str) for each in value):
            return ",".join(value)
    # Unset, or what an unset variable is parsed into.
    return ""


def _group(row: Variable) -> str:
    if row.reader != "gateway":
        return {"poller": "poller", "HAProxy": "haproxy"}.get(row.reader, "shared")
    if row.name.startswith(("AUTH_", "JWT_")):
        return "tokens"
    if row.name.startswith("MAX_"):
        return "limits"
    access = ("ALLOW_", "ALLOWED_", "TRUSTED_", "FORWARDED_", "METRICS_")
    return "access" if row.name.startswith(access) else "gateway"


def parts() -> Mapping[str, str]:
    """Name of a part of docs/configuration.md -> its text: a table for each group of variables."""
    groups: dict[str, list[Variable]] = {}
    for row in variables():
        groups.setdefault(_group(row), []).append(row)
    return {name: _table(sorted(rows, key=lambda row: row.name not in _FIRST)) for name, rows in groups.items()}


def _names(text: str) -> str:
    return re.sub(r"(\w+)(,| to |$)", r"`\1`\2", text)


def _table(rows: Sequence[Variable]) -> str:
    # Where all are of one program, its name stands above the table.
    if len({row.reader for row in rows}) == 1:
        return table(
            ("variable", "default", "meaning"), ((_names(row.name), code(row.default), row.meaning) for row in rows)
        )
    cells = ((_names(row.name), code(row.default), row.reader, row.meaning) for row in rows)
    return table(("variable", "default", "read by", "meaning"), cells)
