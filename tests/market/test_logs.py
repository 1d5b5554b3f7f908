"""Log lines, for people and for machines."""

import fcntl
import io
import json
import logging
import os
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


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of one page: its reading and its writing end."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def _handler(descriptor: int) -> logs.LineHandler:
    handler = logs.LineHandler(descriptor)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def _record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("a", logging.INFO, __file__, 1, message, args, None)


def test_lines_go_straight_out(pipe: tuple[int, int]) -> None:
    """A line is in the pipe when the call returns, whatever characters are in it."""
    handler = _handler(pipe[1])
    handler.emit(_record("%d €", 5))
    assert "5 €\n".encode() == os.read(pipe[0], 100)
    handler.emit(_record("odd \ud800"))
    assert b"odd \\ud800\n" == os.read(pipe[0], 100)


def test_a_pipe_that_nobody_reads_holds_nobody_up(pipe: tuple[int, int]) -> None:
    """What does not fit is lost and counted; the first line that fits again says how many were."""
    handler = _handler(pipe[1])
    for _ in range(100):
        handler.emit(_record("x" * 99))
    kept = os.read(pipe[0], 10_000).splitlines()
    assert 0 < len(kept) < 100
    handler.emit(_record("again"))
    expected = f"({100 - len(kept)} log lines before this one could not be written)\nagain\n"
    assert expected.encode() == os.read(pipe[0], 1000)
    handler.emit(_record("and on"))
    assert b"and on\n" == os.read(pipe[0], 1000)


def test_a_long_line_is_written_as_far_as_it_fits(pipe: tuple[int, int]) -> None:
    """One that is longer than a pipe takes at once does not block either."""
    _handler(pipe[1]).emit(_record("x" * 20_000))
    assert b"x" * 4096 == os.read(pipe[0], 20_000)


@pytest.mark.parametrize("broken", ["full disk", "closed pipe"])
def test_what_cannot_be_written_at_all_is_lost(broken: str) -> None:
    """A full disk, or a pipe whose reader has gone, is no error of whoever logs."""
    if broken == "full disk":
        descriptor = os.open("/dev/full", os.O_WRONLY)
    else:
        read_end, descriptor = os.pipe()
        os.close(read_end)
    try:
        handler = _handler(descriptor)
        for _ in range(3):
            handler.emit(_record("lost"))
    finally:
        os.close(descriptor)


def test_a_wrong_log_call_is_lost(pipe: tuple[int, int]) -> None:
    """A message that does not fit its arguments ends nothing, and is counted with what was lost."""
    handler = _handler(pipe[1])
    handler.emit(_record("%d", "no number"))
    handler.emit(_record("right"))
    assert b"(1 log lines before this one could not be written)\nright\n" == os.read(pipe[0], 1000)
