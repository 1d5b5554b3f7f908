"""What is said of settings that were read again."""

import logging
from collections.abc import Iterator

import pytest

from market.process.logs import LogLevel
from market.settings.changes import announce, described, differing

BEFORE = {"SYMBOLS": ("A", "B"), "MAX_CONNECTIONS": 1, "JWT_SECRET": "old", "GATEWAY_PORT": 1, "LOG_LEVEL": "INFO"}


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    """The level is the process's; it is put back."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("SYMBOLS", ("A", "B"), ("B", "C", "D"), "SYMBOLS +C,D -A"),
        ("SYMBOLS", ("A", "B"), ("B", "A"), "SYMBOLS"),
        ("SYMBOLS", (), tuple("abcdefghijkl"), "SYMBOLS +a,b,c,d,e,f,g,h,i,j and 2 more"),
        ("MAX_CONNECTIONS", 1, 2, "MAX_CONNECTIONS 2"),
        ("MAX_CONNECT_RATE_PER_IP", 1.0, 1_000_000.0, "MAX_CONNECT_RATE_PER_IP 1000000"),
        ("AUTH_QUERY_TOKEN", False, True, "AUTH_QUERY_TOKEN 1"),
        ("LOG_LEVEL", "INFO", "DEBUG", "LOG_LEVEL DEBUG"),
        ("LOG_LEVELS", (), (("a.b", "DEBUG"), ("c", "INFO")), "LOG_LEVELS a.b=DEBUG,c=INFO"),
        ("LOG_LEVELS", (("a", "INFO"),), (), "LOG_LEVELS"),
        ("JWT_SECRET", "old", "new", "JWT_SECRET"),
    ],
)
def test_a_change_is_reported_without_what_may_be_a_secret(name: str, old: object, new: object, expected: str) -> None:
    """Numbers and levels are shown, symbols by what comes and goes, and text not at all."""
    assert expected == described(name, old, new)


def test_what_changed_and_what_could_not_are_a_line_each(caplog: pytest.LogCaptureFixture) -> None:
    """One INFO line has every change, one WARNING line names what stays as it was."""
    logging.getLogger().setLevel("INFO")
    after = BEFORE | {"MAX_CONNECTIONS": 5, "JWT_SECRET": "new"}
    announce(logging.getLogger("x"), BEFORE, after, after | {"GATEWAY_PORT": 2}, level="INFO", others=("a key",))
    assert [
        ("INFO", "settings read again: MAX_CONNECTIONS 5, JWT_SECRET, a key"),
        ("WARNING", "only a restart can change these, so they stay as they were: GATEWAY_PORT"),
    ] == [(record.levelname, record.message) for record in caplog.records]


def test_that_nothing_changed_is_reported_too(caplog: pytest.LogCaptureFixture) -> None:
    """Who asked for it can see that it was done."""
    logging.getLogger().setLevel("INFO")
    announce(logging.getLogger("x"), BEFORE, BEFORE, BEFORE, level="INFO")
    assert ["settings read again: nothing has changed"] == [record.message for record in caplog.records]
    assert [] == differing(BEFORE, BEFORE)


@pytest.mark.parametrize(("old", "new"), [("INFO", "ERROR"), ("ERROR", "INFO")])
def test_a_changed_level_is_reported_by_the_level_that_says_more(
    caplog: pytest.LogCaptureFixture, old: LogLevel, new: LogLevel
) -> None:
    """Whether the log becomes quieter or louder, it says so, and then goes by the new level."""
    logging.getLogger().setLevel(old)
    after = BEFORE | {"LOG_LEVEL": new}
    announce(logging.getLogger("x"), BEFORE | {"LOG_LEVEL": old}, after, after, level=new)
    assert [f"settings read again: LOG_LEVEL {new}"] == [record.message for record in caplog.records]
    assert logging.getLevelName(new) == logging.getLogger().level
