"""Logging of every process: lines for people, or one JSON object per line for machines.

The values of an event (`market.process.event`) become fields of a JSON line, and so does each item of a call's
``extra``: ``logger.info("closed", extra={"client": id})``. A field never takes the place of ``time``, ``level``,
``event``, ``logger``, ``message`` or ``error``.

A stranger may have written parts of a message, a field or an error. This module makes all of them printable, so callers
need not think of it.
"""

import json
import logging
import os
import select
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import orjson

from market.process.event import Event
from market.process.printable import cut, indented, printable

LogFormat = Literal["console", "json"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogLevels = tuple[tuple[str, LogLevel], ...]
"""Levels of single loggers, each with its name, or with the beginning of several names."""

RESERVED: Final = frozenset({"time", "level", "event", "logger", "message", "error"})
"""The keys of each JSON line. A field of such a name gets an underscore behind it."""
ACCESS_LOG: Final = "gateway.access"
"""The logger of the last line of each client."""
UNNAMED: Final = "other"
"""The event of what libraries log."""
_UNCAUGHT: Final = Event("uncaught_error", "CRITICAL", "nobody expected this")

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(log_format: LogFormat, level: LogLevel, stream: TextIO | None = None, *, levels: LogLevels = ()) -> None:
    """Send all logging of this process to ``stream`` (standard error if None) in one format.

    For ``level`` and ``levels`` see `set_levels`.
    """
    handler = logging.StreamHandler(stream) if stream else LineHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else ConsoleFormatter())
    logging.basicConfig(handlers=[handler], force=True)
    set_levels(level, levels)
    log_uncaught()


def log_uncaught() -> None:
    """Log every error that nobody catches. Python would write them to standard error unchanged."""
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda its: _log_uncaught(its.exc_type, its.exc_value, its.exc_traceback)
    sys.unraisablehook = lambda its: _log_uncaught(its.exc_type, its.exc_value, its.exc_traceback)


_with_own_level: set[str] = set()
"""The loggers whose level we set."""


def set_levels(level: LogLevel, levels: LogLevels = ()) -> None:
    """Log records of ``level`` and above from now on, but those of the loggers in ``levels`` by their own."""
    logging.getLogger().setLevel(level)
    for name in _with_own_level:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _with_own_level.clear()
    for name, own in levels:
        logging.getLogger(name).setLevel(own)
        _with_own_level.add(name)


_PIPE_BUF: Final = 4096
"""A writable pipe takes this much without blocking (pipe(7), Linux)."""


class LineHandler(logging.Handler):
    """Writes lines directly to a descriptor, and drops those that it cannot write at once.

    A log must never delay prices. `logging.StreamHandler` would: it waits for ever on a pipe that nobody reads. And a
    line that it could not write to a full disk makes the exit code of the process 120.
    """

    def __init__(self, descriptor: int = 2) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of ``record``, behind a note of how many were dropped before it."""
        try:
            line = self.format(record)
            note = f"({self._lost} log lines before this one could not be written)\n" if self._lost else ""
            written = self._write(f"{note}{line}\n".encode(errors="backslashreplace"))
        except Exception:  # a mistake in a log call; it must not end the process
            written = False
        self._lost = 0 if written else self._lost + 1

    def _write(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            # Only what fits: we know before the write whether anybody reads, not after it.
            if not any(events & select.POLLOUT for _, events in self._room.poll(0)):
                return False
            try:
                view = view[os.write(self._descriptor, view[:_PIPE_BUF]) :]
            except OSError:
                return False
        return True


class ConsoleFormatter(logging.Formatter):
    """``2026-11-21 20:15:00.123 INFO    poller.app: message key=value``.

    Only the first line of a record begins at the margin; the lines of its traceback are indented.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``, and its traceback on the lines below."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%F %T")
        fields = "".join(f" {printable(name)}={printable(str(value))}" for name, value in _extra(record).items())
        place = f"{time}.{int(record.msecs):03} {record.levelname:<7} {record.name}"
        line = f"{printable(place)}: {printable(record.getMessage())}{fields}"
        return f"{line}\n{indented(_traceback(self, record))}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """``{"time":"2026-11-21T20:15:00.123456+00:00","level":"INFO","event":…,"logger":…,"message":…}``."""

    def format(self, record: logging.LogRecord) -> str:
        """The one line of ``record``; a traceback is its field ``error``."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "event": UNNAMED,
            "logger": record.name,
            "message": cut(record.getMessage()),
        }
        fields = _extra(record)
        if isinstance(record.msg, Event):
            line["event"] = record.msg.name
            fields = {name: _shown(value) for name, value in record.msg.values(record.args).items()} | fields
        line |= {f"{name}_" if name in RESERVED else name: value for name, value in fields.items()}
        if record.exc_info:
            line["error"] = _traceback(self, record)
        try:
            text = orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:
            # Bytes that were no UTF-8, or an integer of more than 64 bits.
            text = json.dumps(line | {"time": line["time"].isoformat()}, default=str, skipkeys=True)
        if text.isprintable():
            return text
        # Such characters can only be in strings, where they can be escaped.
        return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


def _shown(value: Any) -> Any:
    """A value of an event, which is as long as its text in the message."""
    return value if isinstance(value, bool | int | float | None) else cut(str(value))


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    assert record.exc_info
    return "\n".join(map(cut, formatter.formatException(record.exc_info).split("\n")))


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Log an error that ends the process or a thread, or that nobody could catch."""
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("uncaught").critical(_UNCAUGHT, exc_info=(kind, error, trace))
