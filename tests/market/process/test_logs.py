"""Log lines, for people and for machines."""

import fcntl
import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from market.process import logs
from market.process.event import Event


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logs.set_levels("INFO")
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
    """Each record is one line of JSON, with any content."""
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


def _json_lines(*calls: Callable[[logging.Logger], None]) -> list[dict[str, Any]]:
    stream = io.StringIO()
    logs.configure("json", "DEBUG", stream)
    for call in calls:
        call(logging.getLogger("a.b"))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_has_the_event_and_its_values() -> None:
    """Each value is a field: numbers stay numbers, anything else is as it is in the message."""
    lost = Event("bus_lost", "WARNING", "no bus (%(bus)s) for %(seconds).1f s: %(reason)s")
    (line,) = _json_lines(lambda logger: logger.warning(lost, "redis", 2.5, OSError("gone")))
    assert ("bus_lost", "no bus (redis) for 2.5 s: gone") == (line["event"], line["message"])
    assert ("redis", 2.5, "gone") == (line["bus"], line["seconds"], line["reason"])
    assert ["time", "level", "event", "logger", "message"] == list(line)[:5]


def test_json_of_what_has_no_event() -> None:
    """What a library logs has the event ``other``."""
    (line,) = _json_lines(lambda logger: logger.info("%d", 3))
    assert ("other", "3") == (line["event"], line["message"])


@pytest.mark.parametrize("name", sorted(logs.RESERVED - {"message"}))
def test_no_field_takes_the_place_of_a_key(name: str) -> None:
    """A field called like a key of each line stands beside it, with an underscore; neither is lost."""
    event = Event("it", "ERROR", f"a value: %({name})s")

    def by_extra(logger: logging.Logger) -> None:
        try:
            int("reason")
        except ValueError:
            logger.exception("plain", extra={name: "mine"})

    for line in _json_lines(by_extra, lambda logger: logger.error(event, "mine")):
        assert "mine" == line[f"{name}_"]
        assert "mine" != line.get(name)


def test_console_traceback() -> None:
    """A traceback follows on the lines below the message, indented."""
    stream = io.StringIO()
    logs.configure("console", "INFO", stream)
    try:
        int("reason")
    except ValueError:
        logging.getLogger("a").exception("failed")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("ERROR   a: failed")
    assert lines[-1].startswith("  ValueError: invalid literal")
    assert all(line.startswith("  ") for line in lines[1:])


POISON = "\x1b[2J\x9b31m\r\n2026-01-01 00:00:00.000 INFO    gateway: all is well\u202e\u2028\udcff\x00"
"""What a stranger may write to make a log lie, or a terminal obey."""


def _logged(log_format: logs.LogFormat) -> str:
    """A log with poison in the logger's name, the message, a field's name and value, and every part of an error."""
    stream = io.StringIO()
    logs.configure(log_format, "INFO", stream)
    logger = logging.getLogger(POISON)
    logger.warning("refused: %s", POISON, extra={"client": POISON, POISON: [POISON]})
    try:
        try:
            raise ValueError(POISON)  # noqa: TRY301 - an error with a traceback
        except ValueError as cause:
            cause.add_note(POISON)
            raise ExceptionGroup(POISON, [cause, OSError(1, POISON)]) from cause
    except ExceptionGroup:
        logger.exception("failed")
    return stream.getvalue()


def test_console_shows_poison_and_does_not_swallow_it() -> None:
    """Nothing in a line can move the cursor, end the line, turn it round or begin one at the margin."""
    text = _logged("console")
    assert text.replace("\n", "").isprintable()
    lines = text.splitlines()
    at_margin = [line for line in lines if not line.startswith("  ")]
    assert 2 == len(at_margin)
    assert lines[0].endswith(r"\udcff\x00']")
    assert r"WARNING \x1b[2J\x9b31m\r\n2026-01-01" in lines[0]
    assert r"client=\x1b[2J\x9b31m\r\n2026" in lines[0]


def test_json_is_printable_and_keeps_every_character() -> None:
    """Each record is one line that a terminal can show, and reads back as what was logged."""
    text = _logged("json")
    assert text.replace("\n", "").isprintable()
    first, second = map(json.loads, text.splitlines())
    assert (f"refused: {POISON}", POISON, [POISON]) == (first["message"], first["client"], first[POISON])
    assert POISON in second["error"]


def test_json_of_what_one_encoder_refuses() -> None:
    """An integer of any size, and keys of any kind, cost no line."""
    stream = io.StringIO()
    logs.configure("json", "INFO", stream)
    logging.getLogger("a").info("huge", extra={"number": 10**30, "odd": {(1, 2): 3, 4: 5}})
    line = json.loads(stream.getvalue())
    assert 10**30 == line["number"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", line["time"])


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_long_message_is_cut(log_format: logs.LogFormat) -> None:
    """A message of megabytes is cut, and so is each value of an event, so that it does not fill the disk."""
    stream = io.StringIO()
    logs.configure(log_format, "INFO", stream)
    logging.getLogger("a").error(Event("long", "ERROR", "%(text)s"), OSError("x" * 1_000_000))
    assert len(stream.getvalue()) < 20_000
    stream.truncate(stream.seek(0))
    try:
        raise ValueError("x" * 1_000_000)  # noqa: TRY301 - an error with a traceback
    except ValueError:
        logging.getLogger("a").exception("%s", "x" * 1_000_000)
    assert len(stream.getvalue()) < 20_000


@pytest.mark.parametrize("where", ["process", "thread", "finalizer"])
def test_errors_that_nobody_caught_are_logged(where: str) -> None:
    """Uncaught errors are printable log lines."""
    fault = f"raise ValueError({POISON!r})"
    programs = {
        "process": fault,
        "thread": f"import threading\ndef fail(): {fault}\nthreading.Thread(target=fail).start()",
        "finalizer": f"class Odd:\n def __del__(self): {fault}\nOdd()",
    }
    program = f"from market.process import logs; logs.configure('console', 'INFO')\n{programs[where]}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    text = done.stderr.decode()
    assert text.replace("\n", "").isprintable()
    assert " CRITICAL uncaught: " in text.splitlines()[0]
    assert 1 == sum(not line.startswith("  ") for line in text.splitlines())
    assert (1 if where == "process" else 0) == done.returncode


def test_configuring_again_replaces() -> None:
    """The last configuration is the only one: no line is written twice."""
    first, second = io.StringIO(), io.StringIO()
    logs.configure("console", "INFO", first)
    logs.configure("json", "WARNING", second)
    logging.getLogger("a").warning("once")
    assert "" == first.getvalue()
    assert 1 == len(second.getvalue().splitlines())


def test_single_loggers_have_their_own_levels() -> None:
    """A level holds for a logger and those below it; one that is not named any more goes by the level of all."""
    stream = io.StringIO()
    logs.configure("console", "WARNING", stream, levels=(("a.b", "DEBUG"), ("c", "ERROR")))

    def heard() -> set[str]:
        stream.truncate(stream.seek(0))
        for name in ("a", "a.b", "a.b.x", "c"):
            for level in (logging.DEBUG, logging.WARNING):
                logging.getLogger(name).log(level, "heard")
        return {line.removesuffix(": heard")[24:] for line in stream.getvalue().splitlines()}

    warnings = {f"WARNING {name}" for name in ("a", "a.b", "a.b.x")}
    assert heard() == warnings | {"DEBUG   a.b", "DEBUG   a.b.x"}
    logs.set_levels("WARNING", (("a.b.x", "ERROR"),))
    assert heard() == warnings - {"WARNING a.b.x"} | {"WARNING c"}
    logs.set_levels("WARNING")
    assert heard() == warnings | {"WARNING c"}


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
    """A line with any characters is in the pipe when the call returns."""
    handler = _handler(pipe[1])
    handler.emit(_record("%d €", 5))
    assert "5 €\n".encode() == os.read(pipe[0], 100)
    handler.emit(_record("odd \ud800"))
    assert b"odd \\ud800\n" == os.read(pipe[0], 100)


def test_a_pipe_that_nobody_reads_holds_nobody_up(pipe: tuple[int, int]) -> None:
    """Lines that do not fit are lost and counted; the next line that fits has the number."""
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
    """A line longer than a pipe takes at once does not block either."""
    _handler(pipe[1]).emit(_record("x" * 20_000))
    assert b"x" * 4096 == os.read(pipe[0], 20_000)


@pytest.mark.parametrize("broken", ["full disk", "closed pipe"])
def test_what_cannot_be_written_at_all_is_lost(broken: str) -> None:
    """A full disk, or a pipe without a reader, is no error for the caller."""
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
    """A log call with wrong arguments raises nothing, and counts as lost."""
    handler = _handler(pipe[1])
    handler.emit(_record("%d", "no number"))
    handler.emit(_record("right"))
    assert b"(1 log lines before this one could not be written)\nright\n" == os.read(pipe[0], 1000)
