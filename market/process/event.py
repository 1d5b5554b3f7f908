"""Events of the log: what a line is about, under a name that stays the same when its words change.

An event is the message of a log call: ``logger.warning(BUS_LOST, bus, error)``. Its catalogue (``log_events`` of each
program, `market.process.events`) holds its name, its levels and the names of its values. `market.process.logs` writes
those as fields of a JSON line. A record that is not logged costs what it cost before.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

_VALUE: Final = re.compile(r"%\((\w+)\)")
"""The name of a value in a message, as in ``%(bus)s``."""


class Event(str):
    """The message of an event, as `logging` takes it: ``%s`` where a value belongs."""

    __slots__ = ("fields", "levels", "name", "template")

    name: str
    """Its stable name."""
    levels: tuple[Level, ...]
    """The level it is logged at; several if that depends."""
    fields: tuple[str, ...]
    """The names of its values, in their order in the call."""
    template: str
    """The message, with the names of its values in it."""

    def __new__(cls, name: str, level: Level | tuple[Level, ...], template: str) -> Self:
        """``template`` names its values: ``"bus link up: %(bus)s"``."""
        event = super().__new__(cls, _VALUE.sub("%", template))
        event.name = name
        event.levels = (level,) if isinstance(level, str) else level
        event.fields = tuple(_VALUE.findall(template))
        event.template = template
        return event

    def values(self, args: Any) -> dict[str, Any]:
        """Field -> value, of the arguments of a log call."""
        # logging makes a single mapping the arguments themselves.
        given = (args,) if isinstance(args, Mapping) else args or ()
        return dict(zip(self.fields, given, strict=False))
