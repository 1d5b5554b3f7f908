"""One way of logging for every process: lines for people, or one JSON object a line for machines.

What a call passes as ``extra`` becomes fields of its own: ``logger.info("closed", extra={"client": id})``.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson

LogFormat = Literal["console", "json"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(log_format: LogFormat, level: LogLevel, stream: TextIO | None = None) -> None:
    """Send all of this process's logging to ``stream`` (standard error when None), once, in one format."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else ConsoleFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


class ConsoleFormatter(logging.Formatter):
    """``2026-11-21 20:15:00.123 INFO    poller.app: message key=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``, and its traceback on the lines below."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%F %T")
        fields = "".join(f" {name}={value}" for name, value in _extra(record).items())
        place = f"{time}.{int(record.msecs):03} {record.levelname:<7} {record.name}"
        line = f"{place}: {record.getMessage()}{fields}"
        return line + "\n" + self.formatException(record.exc_info) if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """``{"time":"2026-11-21T20:15:00.123456+00:00","level":"INFO","logger":…,"message":…}``."""

    def format(self, record: logging.LogRecord) -> str:
        """The one line of ``record``; a traceback is its field ``error``."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
