"""Lines in the log about limits that are met: of each once, of many only a number."""

import asyncio
import logging

import pytest

from gateway.admission.admission import Admission
from gateway.admission.limits.limit_log import MOST_LINES, LimitLog
from gateway.admission.limits.once_a_minute import MINUTE_S
from gateway.admission.upgrade_request import Slot
from gateway.auth.grant import Grant
from gateway.errors import RefusalError
from gateway.settings import Settings
from tests.fakes import run_virtual

IP, RATE = "MAX_CONNECTIONS_PER_IP", "MAX_CONNECT_RATE_PER_IP"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines so far, which are all warnings."""
    records = [record for record in caplog.records if record.name == "gateway.admission.limits.limit_log"]
    assert {record.levelno for record in records} <= {logging.WARNING}
    lines = [record.getMessage() for record in records]
    caplog.clear()
    return lines


def test_each_is_told_of_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """With its limit and the limit's value; another limit and another one who meets it have lines of their own."""

    async def main() -> None:
        log = LimitLog()
        for _ in range(1000):
            log.met("203.0.113.7", IP, 500)
        log.met("203.0.113.7", RATE, 2.5)
        log.met("203.0.113.8", IP, 500)
        assert lines(caplog) == [
            "203.0.113.7 has met MAX_CONNECTIONS_PER_IP=500",
            "203.0.113.7 has met MAX_CONNECT_RATE_PER_IP=2.5",
            "203.0.113.8 has met MAX_CONNECTIONS_PER_IP=500",
        ]
        await asyncio.sleep(MINUTE_S + 1)
        log.met("203.0.113.7", IP, 500)
        log.met("203.0.113.7", IP, 500)
        assert lines(caplog) == ["203.0.113.7 has met MAX_CONNECTIONS_PER_IP=500"]
        log.close()

    run_virtual(main())


def test_of_many_only_a_few_are_reported_of_and_all_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Twenty lines and a number a minute, however many meet limits; a quiet minute says nothing."""

    async def main() -> None:
        log = LimitLog()
        for number in range(10_000):
            log.met(f"203.0.{number}", IP, 500)
        assert len(lines(caplog)) == MOST_LINES
        await asyncio.sleep(MINUTE_S + 1)
        assert lines(caplog) == [
            f"limits were met {10_000 - MOST_LINES} times by others in the last minute; see /metrics"
        ]
        await asyncio.sleep(10 * MINUTE_S)
        assert lines(caplog) == []

    run_virtual(main())


async def test_what_was_only_counted_is_reported_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """A gateway that ends within the minute does not keep it to itself."""
    log = LimitLog()
    for number in range(MOST_LINES + 3):
        log.met(f"203.0.113.{number}", IP, 500)
    lines(caplog)
    log.close()
    assert lines(caplog) == ["limits were met 3 times by others in the last minute; see /metrics"]
    log.close()
    assert lines(caplog) == []


@pytest.mark.parametrize(
    "name",
    ["a\nb", "\x1b[2J", "\u2028", "\u202eevil", "é" * 5000, "x" * 5000, "\x00", "\ud800", "' has met\r\n"],
    ids=ascii,
)
async def test_what_a_stranger_is_called_is_one_short_printable_line(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Control characters, line separators and ever longer names reach no log as they are."""
    log = LimitLog()
    log.met(name, IP, 500)
    (line,) = lines(caplog)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 1500
    log.close()


async def test_admission_logs_who_met_which_limit(caplog: pytest.LogCaptureFixture) -> None:
    """An address by how many it holds or how fast it comes, IPv6 by its /64; a subject by the setting or its token."""
    settings = Settings(max_connections_per_ip=1, max_connect_rate_per_ip=0.5, max_connections_per_subject=1)
    admission = Admission(settings, None, lambda: True)
    for peer in ["2001:db8::1"] * 2 + ["203.0.113.7"] * 7:
        try:
            key = admission.arrive(peer)
        except RefusalError:
            continue
        if peer == "203.0.113.7":
            admission.depart(key)
    assert lines(caplog) == [
        "2001:db8::/64 has met MAX_CONNECTIONS_PER_IP=1",
        "203.0.113.7 has met MAX_CONNECT_RATE_PER_IP=0.5",
    ]
    grants = Grant("de\nmo"), Grant("robot", max_connections=2)
    rooms = [[admission.identify(Slot(None), grant) for _ in range(3)] for grant in grants]
    assert rooms == [[True, False, False], [True, True, False]]
    assert lines(caplog) == [
        r"subject 'de\nmo' has met MAX_CONNECTIONS_PER_SUBJECT=1",
        "subject 'robot' has met max_connections of its token=2",
    ]
    admission.limit_log.close()


async def test_a_proxy_that_is_not_trusted_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """All its clients share its limits until its address is listed; of many such addresses a few are named."""
    log = LimitLog()
    for number in (*range(20), 1):
        log.hides_clients(f"192.0.2.{number}")
    lines = [record.getMessage() for record in caplog.records]
    assert 5 == len(lines)
    assert lines[0].startswith("X-Forwarded-For from 192.0.2.0 is not believed")
    assert all("TRUSTED_PROXIES" in line for line in lines)
    log.close()
