"""The lines that a program logs of likely mistakes."""

import logging
from pathlib import Path

import pytest

from market.settings.config import GATEWAYS, KNOWN
from market.settings.mistakes import alone_in_memory, likely_mistakes, warn

logger = logging.getLogger("program")


def test_each_line_names_the_variable_and_what_was_meant_and_no_value() -> None:
    """One line for each, in order of names; the value may be a secret."""
    environ = {"REDIS_URL": "redis://:sesame@h", "SYMBOL": "sesame", "TICKGATE_NONSENSE": "sesame"}
    lines = list(likely_mistakes(environ, KNOWN))
    assert [
        "REDIS_URL is not read here: the variable is BUS_URL, like redis://[user:password@]host:port/db",
        "SYMBOL is no setting, and nothing reads it; did you mean SYMBOLS?",
        "TICKGATE_NONSENSE is no setting, and nothing reads it; see the list of variables in the documentation",
    ] == lines
    assert not any("sesame" in line for line in lines)


def test_a_key_that_nothing_asks_for_is_said(tmp_path: Path) -> None:
    """By whom tokens are checked, wherever the variables stand."""
    (path := tmp_path / "conf").write_text("JWT_SECRET=sesame\n", encoding="utf-8")
    environ = {"TICKGATE_CONFIG": str(path)}
    said = "JWT_SECRET is set and AUTH_MODE is none: nobody needs a token; set AUTH_MODE=jwt if tokens are meant"
    assert [said] == list(likely_mistakes(environ, GATEWAYS))
    assert [] == list(likely_mistakes(environ | {"AUTH_MODE": "JWT"}, GATEWAYS))
    assert [] == list(likely_mistakes(environ, {"BUS_URL"}))


def test_warnings_are_few(caplog: pytest.LogCaptureFixture) -> None:
    """Ten lines at most, and how many more there would be."""
    warn(logger, {f"TICKGATE_NO_{number}": "" for number in range(100)}, GATEWAYS, "first", "")
    assert 11 == len(caplog.records)
    assert "first" == caplog.records[0].getMessage()
    assert "and 91 more variables that are likely mistakes" == caplog.records[-1].getMessage()
    assert {logging.WARNING} == {record.levelno for record in caplog.records}


def test_nothing_is_said_where_nothing_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    """No line for an ordinary start."""
    warn(logger, {"PATH": "/bin", "BUS_URL": "redis://h"}, GATEWAYS, alone_in_memory("redis://h", "x"))
    assert [] == caplog.records


def test_what_the_file_says_is_said(tmp_path: Path) -> None:
    """Another program's REDIS_URL is none of our business where the file has our BUS_URL."""
    (path := tmp_path / "conf").write_text("BUS_URL=redis://h\n", encoding="utf-8")
    assert [] == list(likely_mistakes({"TICKGATE_CONFIG": str(path), "REDIS_URL": "x"}, KNOWN))
    assert 1 == len(list(likely_mistakes({"REDIS_URL": "x"}, KNOWN)))


def test_a_bus_in_memory_has_one_end() -> None:
    """The other end would be another process, which cannot reach it."""
    assert "reaches no other process: nobody publishes; write redis://" in alone_in_memory(
        "memory://", "nobody publishes"
    )


def test_a_name_with_control_characters_is_shown_escaped() -> None:
    """A variable's name is anybody's text."""
    assert ["TICKGATE_\\x1b[31m"] == [line.split()[0] for line in likely_mistakes({"TICKGATE_\x1b[31m": ""}, KNOWN)]
