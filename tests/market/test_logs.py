"""Log lines, for people and for machines."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from market import logs


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_console() -> None:
    """A line has time, level, logger and message, and what was passed as extra."""
    stream = io.StringIO()
    logs.configure("console", "INFO", stream)
    logging.getLogger("a.b").warning("%d lost", 3, extra={"client": "x"})
    logging.getLogger("a.b").debug("not shown")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} WARNING a\.b: 3 lost client=x\n", stream.getvalue())


def test_json() -> None:
    """Each record is one line of JSON, whatever is in it."""
    stream = io.StringIO()
    logs.configure("json", "DEBUG", stream)
    logger = logging.getLogger("a.b")
    logger.debug("two\nlines", extra={"client": "x", "odd": {1: object}})
    try:
        int("reason")
    except ValueError:
        logger.exception("failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert ("DEBUG", "a.b", "two\nlines", "x") == tuple(
        first[name] for name in ("level", "logger", "message", "client")
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", first["time"])
    assert "ValueError: invalid literal" in second["error"]


def test_console_traceback() -> None:
    """A traceback follows on the lines below the message."""
    stream = io.StringIO()
    logs.configure("console", "INFO", stream)
    try:
        int("reason")
    except ValueError:
        logging.getLogger("a").exception("failed")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("ERROR   a: failed")
    assert lines[-1].startswith("ValueError: invalid literal")


def test_configuring_again_replaces() -> None:
    """The last configuration is the only one: no line is written twice."""
    first, second = io.StringIO(), io.StringIO()
    logs.configure("console", "INFO", first)
    logs.configure("json", "WARNING", second)
    logging.getLogger("a").warning("once")
    assert "" == first.getvalue()
    assert 1 == len(second.getvalue().splitlines())
