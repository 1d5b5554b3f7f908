"""The events of the log: their catalogues, and the calls that log them."""

import ast
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Final

from msgspec import Struct

import deploy.log_events
import gateway.log_events
import market.process.events
import poller.log_events
from market.process.event import Event
from tests.reference.sources import ROOT, code, table

CATALOGUES: Final[Mapping[str, ModuleType]] = {
    "shared": market.process.events,
    "gateway": gateway.log_events,
    "poller": poller.log_events,
    "starting": deploy.log_events,
}
"""Part of the page -> what has its events."""

PACKAGES: Final = ("market", "poller", "gateway", "deploy")

_LEVELS: Final = {"exception": "ERROR"} | {
    name: name.upper() for name in ("debug", "info", "warning", "error", "critical")
}
_PLACE: Final = re.compile(r"%\(\w+\)[.\d]*[a-z]")
_METHODS: Final = {"log", *_LEVELS}
_LOGGERS: Final = {"logger", "_logger", "log"}


class LogCall(Struct, frozen=True):
    """A call that logs, or may."""

    place: str
    level: str
    """Empty if the call decides it."""
    events: tuple[str, ...]
    """The names, in the module, of what it may log; empty for anything but a name."""
    values: int | None
    """How many values it passes; None if that cannot be seen."""


def events_of(module: ModuleType) -> dict[str, Event]:
    """Name in the module -> event, in the order in which they stand there."""
    return {name: value for name, value in vars(module).items() if isinstance(value, Event)}


def all_events() -> dict[str, Event]:
    """Those of all catalogues."""
    return {name: event for module in CATALOGUES.values() for name, event in events_of(module).items()}


def calls_in(source: str, place: str) -> Iterator[LogCall]:
    """Every call that logs, in the text of one module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in _METHODS and _is_logger(owner):
                level, args = ("", node.args[1:]) if method == "log" else (_LEVELS[method], node.args)
                message, *values = args
                shown = any(isinstance(value, ast.Starred) for value in values)
                yield LogCall(f"{place}:{node.lineno}", level, tuple(_names(message)), None if shown else len(values))
            case ast.Call(func=ast.Attribute(attr="LogRecord"), args=[_, ast.Attribute(attr=level), _, _, message, *_]):
                # A line that a handler makes.
                yield LogCall(f"{place}:{node.lineno}", level, tuple(_names(message)), None)


def log_calls() -> Iterator[LogCall]:
    """Those of all our programs."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield from calls_in(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))


def parts() -> Mapping[str, str]:
    """Name of a part of docs/logs.md -> its text."""
    return {f"{name}-events": _table(module) for name, module in CATALOGUES.items()}


def _table(module: ModuleType) -> str:
    events = sorted(events_of(module).values(), key=lambda event: event.name)
    rows = (
        (code(event.name), ", ".join(event.levels), ", ".join(map(code, event.fields)) or "–", _words(event))
        for event in events
    )
    return table(("event", "level", "values", "message"), rows)


def _words(event: Event) -> str:
    return "…".join(piece for piece in _PLACE.split(event.template)).replace("|", "\\|")


def _is_logger(owner: ast.expr) -> bool:
    match owner:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _LOGGERS
        case ast.Call(func=ast.Attribute(attr="getLogger")):
            return True
    return False


def _names(message: ast.expr) -> Iterator[str]:
    match message:
        case ast.Name(id=name):
            yield name
        case ast.IfExp(body=one, orelse=other):
            yield from _names(one)
            yield from _names(other)
