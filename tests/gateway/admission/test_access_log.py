"""The last line of each client."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from gateway.admission.access_log import MOST_LINES, AccessLog, Visit
from gateway.admission.limits.once_a_minute import MINUTE_S
from market.process.event import Event
from market.process.logs import ACCESS_LOG
from tests.fakes import run_virtual


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    logger = logging.getLogger(ACCESS_LOG)
    before = logger.level
    yield
    logger.setLevel(before)


class Gone:
    """A connection that has ended."""

    slow_s = 1.25

    def __init__(self, client: str = "c", code: int = 4408, *, left: bool = False) -> None:
        self.client, self.code, self.left = client, code, left
        self.end = f"left with {code}" if left else f"closed with {code}"
        self.asked = 0

    @property
    def traffic(self) -> tuple[int, int]:
        """How often the kernel was asked is counted."""
        self.asked += 1
        return 5000, 300


def heard(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The events so far, each with its level."""
    found = []
    for record in caplog.records:
        assert isinstance(record.msg, Event)
        found.append((record.levelname, record.msg.name))
    caplog.clear()
    return found


def test_the_last_line_of_a_client_has_all_that_is_known_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """Who it was, from where, how and when it ended, what it was sent, what it sent, and how long it was slow."""
    caplog.set_level(logging.INFO, ACCESS_LOG)

    async def main() -> None:
        log = AccessLog()
        visit = Visit("203.0.113.7", log.now())
        visit.messages = 7
        await asyncio.sleep(12.5)
        log.closed(Gone(), "alice", visit)

    run_virtual(main())
    [record] = caplog.records
    assert isinstance(record.msg, Event)
    assert {
        "client": "c",
        "end": "closed with 4408",
        "address": "203.0.113.7",
        "subject": "alice",
        "code": 4408,
        "duration_s": 12.5,
        "bytes_out": 5000,
        "bytes_in": 300,
        "messages": 7,
        "slow_s": 1.25,
    } == record.msg.values(record.args)
    assert record.getMessage().startswith(
        "client c gone: closed with 4408; from 203.0.113.7, subject 'alice', code 4408"
    )


def test_who_leaves_by_itself_is_logged_for_who_wants_to_know(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG; at INFO there is no line, and the kernel is not asked."""

    async def main() -> None:
        log, visit = AccessLog(), Visit("203.0.113.7", 0.0)
        caplog.set_level(logging.INFO, ACCESS_LOG)
        log.closed(quiet := Gone(left=True), "alice", visit)
        assert ([], 0) == (heard(caplog), quiet.asked)
        caplog.set_level(logging.DEBUG, ACCESS_LOG)
        log.closed(Gone(left=True), "alice", visit)
        assert [("DEBUG", "client_closed")] == heard(caplog)

    run_virtual(main())


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_strangers_cannot_fill_the_log(caplog: pytest.LogCaptureFixture, level: int) -> None:
    """For each code so many lines in a minute, then how many more there were; DEBUG has them all."""

    async def main() -> None:
        log, visit = AccessLog(), Visit("203.0.113.7", 0.0)
        caplog.set_level(level, ACCESS_LOG)
        for number in range(MOST_LINES + 5):
            log.closed(Gone(str(number)), "alice", visit)
        others = [("DEBUG", "client_closed")] * 5 if level == logging.DEBUG else []
        assert [*[("INFO", "client_closed")] * MOST_LINES, *others] == heard(caplog)
        log.closed(Gone(code=1009), "alice", visit)
        assert [("INFO", "client_closed")] == heard(caplog)
        await asyncio.sleep(MINUTE_S + 1)
        assert ["5 more clients were closed with code 4408 in the last minute"] == caplog.messages
        assert [("INFO", "clients_closed")] == heard(caplog)
        log.closed(Gone(), "alice", visit)
        assert [("INFO", "client_closed")] == heard(caplog)
        log.close()
        assert [] == heard(caplog)

    run_virtual(main())


def test_a_log_that_is_off_costs_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Above INFO there are no lines, no count of them, and no question to the kernel."""

    async def main() -> None:
        log = AccessLog()
        logging.getLogger(ACCESS_LOG).setLevel(logging.WARNING)
        gone = Gone()
        for _ in range(MOST_LINES + 1):
            log.closed(gone, "alice", Visit("203.0.113.7", 0.0))
        log.close()
        assert ([], 0) == (heard(caplog), gone.asked)

    run_virtual(main())


def test_who_comes_at_once_shares_address_and_time() -> None:
    """A hundred thousand clients behind one address keep them once; durations are as exact as the log shows."""

    async def main() -> None:
        log = AccessLog()
        first = Visit("".join(["203.0.113", ".7"]), log.now())
        await asyncio.sleep(0.05)
        second = Visit("".join(["203.0.113", ".7"]), log.now())
        assert first.address is second.address
        assert first.began_at is second.began_at
        await asyncio.sleep(0.06)
        assert 0.1 <= log.now() - first.began_at < 0.2

    run_virtual(main())
