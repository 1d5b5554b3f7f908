"""SIGHUP to this very process, and what comes of it."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from market.settings.environ import SettingError
from market.settings.hangup import Hangup, reload_whenever
from tests.waiting import HANGS_AFTER_S, until


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """The handler is the process's; it is put back."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def hang_up() -> None:
    """Send this process SIGHUP."""
    os.kill(os.getpid(), signal.SIGHUP)


async def test_what_comes_before_the_loop_listens_is_not_lost() -> None:
    """A SIGHUP while a program starts is heard as soon as it can be; after the end of its work none ends it."""
    hangup = Hangup()
    hang_up()
    asked = hangup.listen()
    async with asyncio.timeout(HANGS_AFTER_S):
        await asked.wait()
        asked.clear()
        hang_up()
        await asked.wait()
    asked.clear()
    hangup.ignore()
    hang_up()
    await asyncio.sleep(0)
    assert not asked.is_set()


async def test_ten_at_once_are_one_or_two() -> None:
    """While settings are read, however many more requests come are one more reading, which sees what they were for."""
    asked, reading, go_on = asyncio.Event(), threading.Event(), threading.Event()
    read: list[int] = []
    applied: list[int] = []

    def read_slowly() -> int:
        read.append(len(read))
        reading.set()
        go_on.wait(10)
        return read[-1]

    task = asyncio.create_task(reload_whenever(asked, read_slowly, applied.append))
    asked.set()
    await until(reading.is_set)
    for _ in range(9):
        asked.set()
        await asyncio.sleep(0)
    go_on.set()
    await until(lambda: len(applied) == 2)
    assert [0, 1] == read == applied
    assert not asked.is_set()
    task.cancel()


async def test_what_cannot_be_used_changes_nothing_and_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A bad file, and even a fault of our own, leaves the next request to be heard."""
    asked = asyncio.Event()
    answers: Iterator[Exception | str] = iter((SettingError("LOG_LEVEL is odd"), RuntimeError("a fault"), "good"))
    applied: list[str] = []

    def read() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    task = asyncio.create_task(reload_whenever(asked, read, applied.append))
    for told in (1, 2):
        asked.set()
        await until(lambda: len(caplog.records) == told)  # noqa: B023 # awaited in this turn of the loop
    asked.set()
    await until(lambda: applied == ["good"])
    bad, fault = caplog.records
    assert (logging.ERROR, "settings stay as they are: LOG_LEVEL is odd", None) == (
        bad.levelno, bad.message, bad.exc_info,
    )  # fmt: skip
    assert fault.exc_info is not None
    task.cancel()
